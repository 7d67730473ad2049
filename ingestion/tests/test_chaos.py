"""A short form of `make chaos`."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

SHORT = "--seconds 15 --kills 5 --restarts 1 --cuts 3 --rate 100"


@pytest.mark.exhaustive
def test_every_message_is_stored_once_or_a_dead_letter_despite_outages():
    """A healthy casino may stall for longer than in `make chaos`, since other tests run at the same time. Coverage is
    not measured: a killed process writes none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    run = subprocess.run(
        [sys.executable, "-m", "ingestion.tests.chaos", *SHORT.split(), "--still", "10"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:]
