"""The check of an experiment before its start: eligible users, detectable differences, and false positive rate."""

from datetime import UTC, datetime
from math import isinf

import msgspec

from recommendations.errors import CasinoNotConfigured
from recommendations.experiments.definition import Definition, parse_definition
from recommendations.experiments.lifecycle import find_conflict
from recommendations.experiments.statistics.boundary import alpha_of_each
from recommendations.experiments.statistics.clock import PRE_PERIOD_DAYS
from recommendations.experiments.statistics.duration import detectable_uplift
from recommendations.experiments.statistics.errors import TooLittleHistory
from recommendations.experiments.statistics.moments import Ints
from recommendations.serving.experiments.running import Kind
from recommendations.serving.options import load_options
from tenants.models import Casino

from .eligible import read_eligible
from .past_days import PastDays, read_past_days
from .rerandomised import FalseAlarms, find_false_alarms, shares_of_all


class Detectable(msgspec.Struct, frozen=True):
    """The smallest `uplift` of a variant (.1 is 10 %) that is found in the planned days with a probability of 80 %;
    null if users have no bets."""

    variant: str
    uplift: float | None


class ExperimentCheck(msgspec.Struct, frozen=True):
    """`eligible` of the `users` may take part. `past_days` is the number of days on which the experiment was simulated.
    With a too short history, `problem` has the reason, and the results are empty, as for an interleaving. `conflict` is
    the reason why the experiment can't be started now; empty if it can."""

    name: str
    kind: str
    metric: str
    planned_days: int
    traffic: float
    users: int
    eligible: int
    past_days: int = 0
    detectable: tuple[Detectable, ...] = ()
    false_alarms: FalseAlarms | None = None
    problem: str = ""
    conflict: str = ""


def check_experiment(casino: Casino, definition: object, now: datetime) -> ExperimentCheck:
    """Check a definition, stored or not, for `casino`, which must be the current one. Raises InvalidExperiment,
    CasinoNotConfigured."""
    if not casino.is_configured:
        raise CasinoNotConfigured("Casino is not configured. Please set up the casino first.")
    parsed = parse_definition(definition, casino.options)
    eligible = read_eligible(load_options(casino.options), now)
    check = ExperimentCheck(
        name=parsed.name,
        kind=parsed.kind.value,
        metric=parsed.metric.value,
        planned_days=parsed.planned_days,
        traffic=parsed.traffic,
        users=eligible.users,
        eligible=len(eligible.ids),
        conflict=find_conflict(casino, parsed, now),
    )
    return check if parsed.kind is Kind.INTERLEAVE else _with_past_days(check, parsed, eligible.ids, now)


def _with_past_days(check: ExperimentCheck, parsed: Definition, ids: Ints, now: datetime) -> ExperimentCheck:
    try:
        past = read_past_days(parsed, ids, now.astimezone(UTC).date())
        return msgspec.structs.replace(
            check,
            past_days=past.days,
            detectable=_detectable(past, parsed),
            false_alarms=find_false_alarms(past, parsed),
        )
    except TooLittleHistory as error:
        return msgspec.structs.replace(check, problem=str(error))


def _detectable(past: PastDays, parsed: Definition) -> tuple[Detectable, ...]:
    """The detectable difference of each variant, by the latest half. Raises TooLittleHistory."""
    pre, shares = past.second_half(), shares_of_all(parsed)
    days = round(parsed.planned_days * PRE_PERIOD_DAYS / past.days)  # as if that half had 28 days
    alpha = alpha_of_each(len(shares))
    found = (
        detectable_uplift(pre, control_share=shares[0], variant_share=each, planned_days=days, alpha=alpha)
        for each in shares[1:]
    )
    names = [each.name for each in parsed.variants[1:]]
    return tuple(
        Detectable(*pair) for pair in zip(names, (None if isinf(each) else each for each in found), strict=True)
    )
