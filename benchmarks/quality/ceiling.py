"""The upper bound for a recommender on simulated casinos: their users' own utilities rank the events.

    python -m benchmarks.quality.ceiling [--k 10]

Prints NDCG@k of the cases that `manage.py evaluate --min-prior-coupons 1` tests on the history of `manage.py simulate
--kind KIND`. The rest is noise, which users add to their utilities; by chance, a recommender can exceed the bound.
"""

import argparse
import os
from collections import Counter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import numpy as np

from recommendations.evaluation.build_report import metrics_of
from recommendations.offer.arrays import Floats
from recommendations.replay.replay import ReplayPlan, rank_of
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate_choices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--k", type=int, default=10)
    k = parser.parse_args().k
    for kind, preferences in USER_KINDS.items():
        ranks = ranks_by_utility(SimulatedCasino(preferences=preferences))
        ndcg = metrics_of(ranks, [k])[f"ndcg@{k}"].mean()
        print(f"{kind}: NDCG@{k} {ndcg:.3f}, {len(ranks)} cases")


def ranks_by_utility(casino: SimulatedCasino, *, min_prior_coupons: int = 1) -> Floats:
    """The rank of each tested case, shape (n,)."""
    choices = list(simulate_choices(casino)[1])
    first_tested = int(len(choices) * (1 - ReplayPlan([]).test_fraction))
    selections, users, ranks = Counter[int](), set[int](), list[float]()
    for number, choice in enumerate(choices):
        legs = choice.coupon.places
        if number >= first_tested and choice.coupon.user_id in users:
            for leg in legs:
                if selections[leg] >= min_prior_coupons:
                    is_candidate = (choice.places == leg) | ~np.isin(choice.places, legs)
                    [place] = np.flatnonzero(choice.places == leg).tolist()
                    ranks.append(rank_of(choice.utilities, is_candidate, place))
        users.add(choice.coupon.user_id)
        selections.update(legs)
    return np.array(ranks)


if __name__ == "__main__":
    main()
