"""`python -m recommendations.tests.experiments.proof`: exit status 1 if a statistic is beyond a limit."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from .counting import Result, results_of
from .series import all_series


def main() -> int:
    parser = argparse.ArgumentParser(prog="experiments", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, help="experiments per series; by default 100 to 1,000")
    arguments = parser.parse_args()
    failed: list[Result] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        numbers = range(len(all_series()))
        for results in pool.map(_results, numbers, [arguments.runs] * len(numbers)):
            print(*results, sep="\n", flush=True)
            failed += [each for each in results if not each.holds]
    print(f"{len(failed)} do not hold." if failed else "All hold.")
    return 1 if failed else 0


def _results(number: int, runs: int | None) -> list[Result]:
    return results_of(all_series()[number], runs)


if __name__ == "__main__":
    sys.exit(main())
