"""Prints the table. Exit status 1 if an attack harms the innocent casino more than allowed."""

import argparse
import sys
import time
from collections import Counter

from . import __doc__ as description
from .servers import start_servers

start_servers()

import django

django.setup()

from rich.console import Console
from rich.table import Table

from .attacks import ATTACKS
from .installation import Installation, build, serving
from .measure import Measurement, Timings
from .probes import Probe

FIRST_SECONDS = 2.0
MOST_P99_RATIO = 2.0
WARM_UP_SECONDS = 2.5


def main() -> int:
    arguments = _arguments()
    if arguments.list:
        print(*ATTACKS, sep="\n")
        return 0
    if unknown := set(arguments.attacks) - set(ATTACKS):
        raise SystemExit(f"Unknown: {', '.join(sorted(unknown))}. Attacks: {', '.join(ATTACKS)}.")
    installation = build()
    table = Table("attack", "", "p50 ms", "p99 ms", "errors", title="An innocent casino's operations")
    is_hurt = False
    for name in arguments.attacks or ATTACKS:
        is_hurt |= _run(name, installation, table, arguments.seconds)
    Console(width=100).print(table)
    return int(is_hurt)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bystander", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="default: all")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of each attack and of the run before it (%(default)s)"
    )
    parser.add_argument("--list", action="store_true", help="print the attacks' names")
    return parser.parse_args()


def _run(name: str, installation: Installation, table: Table, seconds: float) -> bool:
    """Measure before and during the attack. Returns whether the innocent casino is harmed more than allowed."""
    attack = ATTACKS[name]
    with serving(installation), attack.probe(installation) as probe:
        _warm_up(probe, attack.rate)
        measurement = Measurement(probe, attack.rate)
        try:
            begin = time.monotonic()
            time.sleep(seconds)
            ended_before = time.monotonic()
            with attack.attack(installation):
                attacked_at = time.monotonic()
                time.sleep(seconds)
                ended_at = time.monotonic()
        finally:
            measurement.stop()
    before = measurement.between(begin, ended_before)
    during = measurement.between(attacked_at + FIRST_SECONDS, ended_at)
    table.add_section()
    _add(table, name, "before", before)
    _add(table, "", f"first {FIRST_SECONDS:g} s", measurement.between(attacked_at, attacked_at + FIRST_SECONDS))
    _add(table, "", "after them", during)
    return bool(during.errors) or not during.p99 <= MOST_P99_RATIO * before.p99


def _warm_up(probe: Probe, rate: float) -> None:
    for _ in range(round(WARM_UP_SECONDS * rate)):
        probe()


def _add(table: Table, name: str, when: str, timings: Timings) -> None:
    errors = ", ".join(f"{count} {text}" for text, count in Counter(timings.errors).most_common(2))
    share = f"{timings.error_share:.1%} {errors}"
    table.add_row(name, when, f"{timings.p50 * 1000:.1f}", f"{timings.p99 * 1000:.1f}", share)


if __name__ == "__main__":
    sys.exit(main())
