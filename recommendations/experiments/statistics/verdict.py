"""The verdict of an experiment: a stable code and a sentence."""

from dataclasses import dataclass
from enum import StrEnum
from math import isinf

import numpy as np

from .duration import UPLIFT
from .looks import Looks

CREDITS_ARE_NO_LIFT = (
    "This shows which events users prefer, not how many more bets they bring: confirm it by an A/B test."
)
WORDS_OF_METRIC = {
    "influence": "days with a bet on an event that a variant would show",
    "bet_days": "days with a bet",
    "turnover": "turnover (capped stakes)",
    "attributed_days": "days with a bet on a shown event",
}


class VerdictCode(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    NO_WORSE = "no_worse"
    UNDECIDED = "undecided"
    MISMATCH = "mismatch"
    STOPPED_BY_GUARD = "stopped_by_guard"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stable `code` for programs, and a `sentence` for people."""

    code: VerdictCode
    sentence: str


@dataclass(frozen=True, slots=True)
class Case:
    """The inputs of a verdict besides the looks: the names of `variant` and `control`, the metric in words, and other
    findings.

    `margin`: the loss that counts as no worse (.05 is 5 %), None without one. `days_left`: days until a difference of
    10 % is found; infinite if not within a year, None if unknown or the experiment is over.
    """

    variant: str
    control: str
    metric: str
    is_mismatch: bool = False
    broken_guard: str = ""
    margin: float | None = None
    days_left: float | None = None


def decide(looks: Looks, case: Case) -> Verdict:
    """The verdict on an A/B test or a holdout, after at least one look."""
    if (withheld := _withheld(case)) is not None:
        return withheld
    if np.isinf(looks.high[-1]):
        return Verdict(VerdictCode.UNDECIDED, "Too few bets for a comparison yet.")
    low, high, direction = float(looks.low[-1]), float(looks.high[-1]), _direction(looks)
    interval = f"95 % confidence interval: {_signed(low)} to {_signed(high)}"
    if direction:
        uplift = min(max(float(looks.estimate[-1]), low), high)
        code = VerdictCode.BETTER if direction > 0 else VerdictCode.WORSE
        sentence = f"`{case.variant}` is {code} than `{case.control}`: {_signed(uplift)} {case.metric} ({interval})."
        return Verdict(code, f"{sentence} This is valid at any number of looks.")
    difference = (
        f"No significant difference in {case.metric} between `{case.variant}` and `{case.control}` ({interval})."
    )
    if case.margin is not None and low > -case.margin:
        return Verdict(VerdictCode.NO_WORSE, f"{difference} A loss of {percent(case.margin)} or more is ruled out.")
    return Verdict(VerdictCode.UNDECIDED, _joined(difference, _changed(looks), _forecast(case)))


def decide_preference(looks: Looks, case: Case) -> Verdict:
    """The verdict on an interleaving, whose list b is `case.variant`."""
    if (withheld := _withheld(case, "one list began more of the slips than the planned half")) is not None:
        return withheld
    if (looks.low[-1], looks.high[-1]) == (-1.0, 1.0):
        return Verdict(VerdictCode.UNDECIDED, "Too few bets on events that only one list had.")
    low, high, direction = float(looks.low[-1]), float(looks.high[-1]), _direction(looks)
    share = min(max(float(looks.estimate[-1]), low), high)
    numbers = (
        f"{percent(_share(share))} of the bets on events that only one list had (95 % confidence interval: "
        f"{percent(_share(low))} to {percent(_share(high))})"
    )
    if not direction:
        names = f"`{case.variant}` and `{case.control}`"
        sentence = f"No significant difference between the lists of {names}: `{case.variant}` has {numbers}."
        return Verdict(VerdictCode.UNDECIDED, _joined(sentence, _changed(looks)))
    code = VerdictCode.BETTER if direction > 0 else VerdictCode.WORSE
    sentence = f"Users want the events of `{case.variant}` {_than(code)} those of `{case.control}`: it has {numbers}."
    return Verdict(code, f"{sentence} {CREDITS_ARE_NO_LIFT}")


def _withheld(case: Case, mismatch: str = "users entered in other shares than planned") -> Verdict | None:
    if case.is_mismatch:
        return Verdict(
            VerdictCode.MISMATCH,
            f"The variants can't be compared: {mismatch} (sample ratio mismatch). "
            "Find the cause of the lost answers, then start a new experiment.",
        )
    if case.broken_guard:
        return Verdict(VerdictCode.STOPPED_BY_GUARD, f"`{case.variant}` was stopped by the guard: {case.broken_guard}.")
    return None


def _direction(looks: Looks) -> int:
    """1 or -1 once a look was significant, while the interval excludes 0 on the same side; 0 otherwise."""
    first = looks.first_significant
    if first is None:
        return 0
    direction = 1 if looks.z[first] > 0 else -1
    is_same_side = looks.low[-1] > 0 if direction > 0 else looks.high[-1] < 0
    return direction if is_same_side else 0


def _changed(looks: Looks) -> str:
    if not looks.has_changed[-1]:
        return ""
    return "The difference has changed during the experiment; the interval is that of the latest look."


def _forecast(case: Case) -> str:
    if case.days_left is None:
        return ""
    if isinf(case.days_left):
        return f"There are too few users to find a difference of {percent(UPLIFT)} within a year."
    if case.days_left < 1:
        return f"A difference of {percent(UPLIFT)} would probably have been found by now."
    return f"Finding a difference of {percent(UPLIFT)} takes about {case.days_left:.0f} more days."


def _than(code: VerdictCode) -> str:
    return "more than" if code is VerdictCode.BETTER else "less than"


def _share(preference: float) -> float:
    return (1 + preference) / 2


def _signed(value: float) -> str:
    return f"{100 * value:+.1f} %".replace("-", "\N{MINUS SIGN}")


def percent(value: float) -> str:
    """A share as a percentage for a sentence: 100 % for 1."""
    return f"{100 * value:.3g} %"


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
