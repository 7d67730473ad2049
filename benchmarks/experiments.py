"""The processor time that an experiment adds to a request of `/recommend` in process, by kind of experiment.

Each experiment has a fifth of the users, and a placement of its own: the same users send requests with it and without
one, in blocks of requests in random order. A receiver encodes the announced slips.

    python -m benchmarks.experiments [--events N] [--blocks N]
"""

import argparse
import random
import statistics
import time
from typing import Any

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("experiments", PUBLISH_RECOMMENDATIONS="0", LOG_LEVEL="ERROR")

import django

django.setup()

import msgspec
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.experiments.lifecycle import create_experiment, start_experiment
from recommendations.services import configure
from recommendations.serving.experiments.assignment import LAYER, is_in, place_of
from recommendations.serving.recommendation import recommendation_served
from tenants.models import Casino

from . import casino as benchmark
from .in_process import get
from .recommend import SCHEMA

_REQUESTS = 25  # requests of a block
_OTHER, _OPTION = {"recommender_type": "trending"}, {"options": {"max_per_league": 2}}
# The definition's kind and metric, and the second variant's difference.
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ab, another option": ("ab", "bet_days", _OPTION),
    "holdout": ("holdout", "influence", {}),
    "influence, another option": ("ab", "influence", _OPTION),
    "influence, trending": ("ab", "influence", _OTHER),
    "interleaved with trending": ("interleave", "influence", _OTHER),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--blocks", type=int, default=40)
    options = parser.parse_args()
    if options.blocks < 2:
        parser.error(f"--blocks is {options.blocks}: percentiles need at least 2")
    benchmark.EVENTS = options.events
    recommendation_served.connect(_encode, weak=False)
    console = Console()
    with console.status("Building the casino"):
        casino = benchmark.build_fitted_casino()
        configure(casino=casino, recommender_type="hybrid", recommendation_schema=SCHEMA, now=timezone.now())
        users = {kind: _start(casino, number) for number, kind in enumerate(KINDS)}
    with console.status("Measuring"):
        table = Table("experiment", "ms without", "ms with", "ratio (median of blocks)", "10th to 90th percentile")
        for kind, (without, with_it) in _measure(casino, users, options.blocks).items():
            ratios = sorted(one / other for one, other in zip(with_it, without, strict=True))
            low, *_, high = statistics.quantiles(ratios, n=10)
            times = (f"{statistics.median(each) * 1e3:.2f}" for each in (without, with_it))
            table.add_row(kind, *times, f"{statistics.median(ratios):.2f}", f"{low:.2f} to {high:.2f}")
    console.print(table)


def _encode(served: Any, **signal: Any) -> None:
    msgspec.json.encode(served)


def _start(casino: Casino, number: int) -> list[int]:
    """Start the experiment with this number, and return its users."""
    kind, metric, differing = list(KINDS.values())[number]
    own = {} if kind == "holdout" else {"recommender_type": "hybrid"}
    variants = [{"name": "own", "share": 0.5, **own}, {"name": "other", "share": 0.5, **own, **differing}]
    definition = {"name": f"kind-{number}", "kind": kind, "metric": metric, "variants": variants, "traffic": 0.2}
    named: dict[str, Any] = {"casino": casino, "by": "a benchmark", "now": timezone.now()}
    create_experiment(definition={**definition, "placement": str(number)}, **named)
    ranges = start_experiment(name=f"kind-{number}", **named).ranges
    return [user for user in range(1, benchmark.USERS + 1) if is_in(place_of(LAYER, casino.pk, user), ranges)]


def _measure(casino: Casino, users: dict[str, list[int]], blocks: int) -> dict[str, tuple[list[float], list[float]]]:
    """Kind -> the processor seconds of a request in each block, without and with the experiment."""
    taken: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in KINDS}
    for block in range(blocks + 1):  # the first block warms up
        for number, kind in random.sample(list(enumerate(KINDS)), len(KINDS)):
            asking = random.choices(users[kind], k=_REQUESTS)
            for is_with in random.sample([False, True], 2):
                began = time.thread_time()
                for user in asking:
                    get(f"/recommend/{user}", casino.pk, f"placement={number if is_with else 'none'}")
                if block:
                    taken[kind][is_with].append((time.thread_time() - began) / _REQUESTS)
    return taken


if __name__ == "__main__":
    main()
