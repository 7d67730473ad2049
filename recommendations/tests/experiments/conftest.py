"""Fixtures of the tests of experiments."""

from itertools import count
from types import SimpleNamespace

import pytest

from recommendations.experiments import lifecycle


@pytest.fixture(autouse=True)
def _same_salts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the first, the second, .. experiment of a test fixed salts, so that users have the same variants in each
    run."""
    numbers = count()
    monkeypatch.setattr(lifecycle, "secrets", SimpleNamespace(token_hex=lambda size: f"{next(numbers):0{2 * size}}"))
