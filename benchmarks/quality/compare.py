"""One replay of our recommenders and the baselines, each with its best settings before the tested part."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from recommendations.evaluation.baselines import BASELINES
from recommendations.evaluation.evaluate import evaluate
from recommendations.evaluation.report import Report
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.history import History

from .past_bets import PastBets
from .peer import Peer

TEST_FRACTION = 0.2
OURS = RECOMMENDERS | BASELINES
COMPARED_WITH = "hybrid"
METRIC = "ndcg@10"

MakePeer = Callable[[PastBets], Peer]
Peers = Mapping[str, Mapping[str, MakePeer]]  # name -> settings, in words -> the peer's constructor


@dataclass(frozen=True, slots=True)
class Comparison:
    """The `report` of the tested part, and the chosen settings of each peer."""

    report: Report
    chosen: Mapping[str, str]


def compare(history: History, peers: Peers, ours: Sequence[Recommender], min_prior_coupons: int) -> Comparison:
    """Replay the history twice: to choose the peers' settings, and to compare the peers with `ours`, which includes
    `hybrid`."""
    chosen = choose_settings(history, peers, min_prior_coupons)
    makers = [peers[name][settings] for name, settings in chosen.items()]
    return Comparison(_evaluated(history, makers, ours, min_prior_coupons, TEST_FRACTION), chosen)


def choose_settings(history: History, peers: Peers, min_prior_coupons: int) -> dict[str, str]:
    """The settings of each peer with the best NDCG@10 in the fifth of the coupons before the tested fifth."""
    earlier = replace(history, coupons=history.coupons[: int(len(history.coupons) * (1 - TEST_FRACTION))])
    tried = [(name, settings) for name, variants in peers.items() for settings in variants]
    makers = [peers[name][settings] for name, settings in tried]
    report = _evaluated(earlier, makers, [], min_prior_coupons, TEST_FRACTION / (1 - TEST_FRACTION))
    best: dict[str, tuple[float, str]] = {}
    for (name, settings), each in zip(tried, report.slices[0].results[: len(tried)], strict=True):
        if name not in best or each.metrics[METRIC].mean > best[name][0]:
            best[name] = each.metrics[METRIC].mean, settings
    return {name: settings for name, (_, settings) in best.items()}


def _evaluated(
    history: History, makers: Sequence[MakePeer], ours: Sequence[Recommender], min_prior_coupons: int, fraction: float
) -> Report:
    past = PastBets(history)
    peers = [make(past) for make in makers]

    def on_coupon() -> None:
        coupon = history.coupons[past.coupons]
        past.move_to(coupon.timestamp)
        for peer in peers:
            peer.observe(coupon)
        past.add_next()

    return evaluate(
        history,
        recommenders=[*peers, *ours],
        ks=[10],
        baseline=COMPARED_WITH if ours else "live_popularity",
        test_fraction=fraction,
        min_prior_coupons=min_prior_coupons,
        on_progress=on_coupon,
    )
