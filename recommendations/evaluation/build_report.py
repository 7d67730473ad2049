"""Computing a report from the result of a replay."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.replay.replay_result import ReplayResult, TestedCase
from recommendations.replay.slip_quality import SlipStatistics

from .advice import advise
from .bootstrap import bootstrap, interval
from .calibration_error import calibration_error
from .outcome_metrics import outcome_report
from .report import Period, RecommenderMetrics, Report, Slice, SlipMetrics

NEW_EVENT = 3  # an event with fewer earlier selections is new
_HEAVY = 0.9  # quantile of users' numbers of coupons from which on a user is heavy
_PERIODS = 8


def metrics_of(ranks: Floats, ks: Sequence[int]) -> dict[str, Floats]:
    """Metric (NDCG@k, hit rate HR@k, MRR) -> its value for each case and recommender, in the shape of `ranks`."""
    discounted = 1.0 / np.log2(1.0 + ranks)
    found: dict[str, Floats] = {}
    for k in ks:
        found[f"ndcg@{k}"] = np.where(ranks <= k, discounted, 0.0)
        found[f"hr@{k}"] = (ranks <= k).astype(np.float64)
    return found | {"mrr": 1.0 / ranks}


def report_of(replayed: ReplayResult, *, ks: Sequence[int], baseline: str, source: str = "", **totals: Any) -> Report:
    """The report of a replay. `baseline` is the recommender whose metrics are subtracted from the others'; `totals` are
    `coupons`, `events`, `left_out` and `learning`."""
    cases = replayed.cases
    known = [case for case in cases if case.user_coupons]
    main = f"ndcg@{max(ks)}"
    slices = [_slice(name, each, replayed.names, ks, baseline) for name, each in _sliced(cases, known)]
    return Report(
        source=source,
        tested_from=replayed.tested_from if cases else 0.0,
        cases=len(known),
        candidates=float(np.mean([case.candidates for case in known])) if known else 0.0,
        baseline=baseline,
        main_metric=main,
        slices=slices,
        slips=_slips(replayed),
        periods=_periods(known, replayed.names, max(ks)),
        outcomes=outcome_report(replayed.outcome_cases, replayed.unknown_outcomes),
        advice=advise(*_table(known), replayed.names, max(ks)),
        **totals,
    )


def _sliced(cases: list[TestedCase], known: list[TestedCase]) -> list[tuple[str, list[TestedCase]]]:
    heavy = float(np.quantile([case.user_coupons for case in known], _HEAVY)) if known else 0.0
    return [
        ("all", known),
        ("new users", [case for case in cases if not case.user_coupons]),
        ("new events", [case for case in known if case.event_selections < NEW_EVENT]),
        ("heavy users", [case for case in known if case.user_coupons >= heavy]),
    ]


def _table(cases: Sequence[TestedCase]) -> tuple[Floats, np.ndarray[Any, Any]]:
    """The ranks (cases, recommenders), and the cases' users (cases,)."""
    return np.array([case.ranks for case in cases], dtype=np.float64), np.array([case.user_id for case in cases])


def _slice(name: str, cases: list[TestedCase], names: Sequence[str], ks: Sequence[int], baseline: str) -> Slice:
    if not cases:
        return Slice(name, 0, [])
    ranks, users = _table(cases)
    metrics = metrics_of(ranks, ks)
    means, draws = bootstrap(np.concatenate([*metrics.values()], axis=1), users)
    by = {metric: slice(place * len(names), (place + 1) * len(names)) for place, metric in enumerate(metrics)}
    compared = names.index(baseline)
    results = []
    for column, recommender in enumerate(names):
        own, difference = {}, {}
        for metric, columns in by.items():
            mean, drawn = means[columns], draws[:, columns]
            own[metric] = interval(mean[column], drawn[:, column])
            difference[metric] = interval(mean[column] - mean[compared], drawn[:, column] - drawn[:, compared])
        results.append(RecommenderMetrics(recommender, own, difference))
    return Slice(name, len(cases), results)


def _slips(replayed: ReplayResult) -> list[SlipMetrics]:
    return [
        _slip_metrics(name, slips, max(len(replayed.open_events), 1))
        for name, slips in zip(replayed.names, replayed.slips, strict=True)
    ]


def _slip_metrics(name: str, slips: SlipStatistics, open_events: int) -> SlipMetrics:
    tested = [(each.confidence, each.held) for each in slips.slips.over if each.confidence is not None]
    confidences, held = np.array(tested, dtype=np.float64).reshape(-1, 2).T
    return SlipMetrics(
        name,
        coverage=len(slips.shown) / open_events,
        diversity=slips.diversity / max(slips.compared, 1),
        invalid=slips.invalid / max(slips.selections, 1),
        shown=len(tested),
        confidence=float(confidences.mean()) if tested else 0.0,
        held=float(held.mean()) if tested else 0.0,
        calibration_error=calibration_error(confidences, held) if tested else 0.0,
    )


def _periods(known: list[TestedCase], names: Sequence[str], k: int) -> list[Period]:
    periods = []
    for places in np.array_split(np.arange(len(known)), min(_PERIODS, len(known)) or 1):
        if places.size:
            ranks, _ = _table([known[place] for place in places])
            means = metrics_of(ranks, [k])[f"ndcg@{k}"].mean(axis=0)
            periods.append(
                Period(known[places[0]].timestamp, int(places.size), dict(zip(names, means.tolist(), strict=True)))
            )
    return periods
