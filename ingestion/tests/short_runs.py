"""Runs the short forms of programs that test guarantees by killing processes."""

import os
import subprocess
import sys

from django.conf import settings

TIMEOUT_SECONDS = 300
_SHOWN = 20_000  # characters of the output that are shown


def require_success(module: str, *arguments: str) -> None:
    """Run `python -m MODULE`. Coverage is not measured: a killed process writes none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-_SHOWN:]
