"""A short form of `make chaos`."""

import pytest

from .short_runs import require_success

SHORT = "--seconds 15 --kills 5 --restarts 1 --cuts 3 --rate 100"


@pytest.mark.exhaustive
def test_every_message_is_stored_once_or_a_dead_letter_despite_outages():
    """A healthy casino may stall for longer than in `make chaos`, since other tests run at the same time."""
    require_success("ingestion.tests.chaos", *SHORT.split(), "--still", "10")
