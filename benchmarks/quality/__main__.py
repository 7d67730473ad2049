"""Ranking quality for choices among items that expire: our recommenders and those of other projects. Prints a table
with means and 95 % confidence intervals by users.

    python -m benchmarks.quality                                # the history that comes with the project, with its odds
    python -m benchmarks.quality --events EVENTS.csv --coupons COUPONS.csv [--odds ODDS.csv]
"""

import os
import time
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from recommendations.evaluation.html import interval_text
from recommendations.evaluation.report import Slice
from recommendations.replay.csv_files import read_history

from .compare import COMPARED_WITH, METRIC, OURS, compare
from .peers import LIBRARIES, PEERS

HISTORY = Path(__file__).parent / "replication_markets"
EVENTS = HISTORY / "events.csv"


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("--events", type=Path, default=EVENTS)
    parser.add_argument("--coupons", type=Path, default=HISTORY / "coupons.csv")
    parser.add_argument("--odds", type=Path, help="by default those of the history that comes with the project")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[*PEERS])
    parser.add_argument("--min-prior-coupons", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    odds = options.odds or (HISTORY / "odds.csv" if options.events == EVENTS else None)
    history = read_history(options.events, options.coupons, odds)
    peers = {name: PEERS[name] for name in options.peers if name not in LIBRARIES or find_spec(LIBRARIES[name])}
    for name in set(options.peers) - set(peers):
        print(f"{name} is left out: the library {LIBRARIES[name]} is not installed (make .venv/quality)")
    found = compare(history, peers, [*OURS.values()], options.min_prior_coupons)
    report = found.report
    print(f"{report.coupons:,} coupons, {report.events:,} events, {report.candidates:.0f} candidates on average\n")
    for each in report.slices[:2]:  # cases of users with earlier coupons, and of new users
        if each.cases:
            print(f"{each.name} ({each.cases:,} cases)\n\n{_table(each)}\n")
    for name, settings in found.chosen.items():
        print(f"{name}: {settings}")
    print(f"{time.perf_counter() - started:.0f} s")


def _table(of: Slice) -> str:
    lines = [f"| recommender | NDCG@10 | HR@10 | MRR | NDCG@10 - {COMPARED_WITH} |", "| --- | --- | --- | --- | --- |"]
    for each in sorted(of.results, key=lambda result: -result.metrics[METRIC].mean):
        cells = [interval_text(metric) for metric in each.metrics.values()]
        lines.append(
            f"| `{each.recommender}` | {' | '.join(cells)} | {interval_text(each.difference[METRIC], sign='+')} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
