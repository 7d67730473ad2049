"""Processor time and peak memory of `manage.py fit_models` for a simulated casino of 50,000 coupons.

Prints the processor seconds of the command's process on one thread, also as a ratio to a fixed loop, and its peak
memory. PostgreSQL's processes are not counted.

    python -m benchmarks.fitting [--coupons N]
"""

import argparse
import os
import subprocess
import sys
import time

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("fitting")

import django

django.setup()

from django.conf import settings
from django.db import connections

from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
LOOP = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coupons", type=int, default=50_000)
    casino = _build_casino(parser.parse_args().coupons)
    connections["default"].close()
    loop = _loop()
    seconds, megabytes = _fit(casino)
    loop = (loop + _loop()) / 2
    print(f"fit_models: {seconds:.1f} s of processor, {seconds / loop:.0f} loops of {loop:.2f} s; {megabytes:.0f} MB")


def _build_casino(coupons: int) -> Casino:
    """Build the casino in its own process: the system includes the memory of this process in the peak of those that it
    starts."""
    ensure_catalogue()
    [casino] = store_casinos(["Fitting"])
    numbers = {"--coupons": coupons, "--users": 2_000, "--events-a-day": 42, "--days": 120}
    options = [text for name, number in numbers.items() for text in (name, str(number))]
    command = [sys.executable, "manage.py", "simulate", "--casino", str(casino.pk), *options]
    subprocess.run(command, cwd=settings.BASE_DIR, check=True)
    return casino


def _fit(casino: Casino) -> tuple[float, float]:
    """The command's processor seconds and peak memory in megabytes."""
    command = [sys.executable, "manage.py", "fit_models", "--casino", str(casino.pk)]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env={**os.environ, **ONE_THREAD})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"fit_models ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _loop() -> float:
    """The processor seconds of a fixed loop, to compare machines."""
    began, total = time.thread_time(), 0
    for number in range(LOOP):
        total += number * number
    return time.thread_time() - began


if __name__ == "__main__":
    main()
