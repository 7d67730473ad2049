"""The comparison of two interleaved lists by the users' credits."""

from dataclasses import dataclass

import numpy as np

from .boundary import ALPHA, Floats, boundary
from .looks import Looks, looks_of

FEWEST_CREDITS = 30  # before a look counts


@dataclass(frozen=True, slots=True)
class Credits:
    """Sums over users at each look, arrays of shape (looks,): `a` and `b` are the bets credited to each list, `aa`,
    `bb` and `ab` the sums of each user's a^2, b^2 and a b."""

    a: Floats
    b: Floats
    aa: Floats
    bb: Floats
    ab: Floats

    @classmethod
    def of_users(cls, a: Floats, b: Floats) -> "Credits":
        """One look, from both sums of each user, arrays of shape (users,)."""
        return cls(*(np.array([float(each.sum())]) for each in (a, b, a * a, b * b, a * b)))


def follow_credits(credits: Credits, planned: float, alpha: float = ALPHA) -> Looks:
    """The looks of an interleaving. Effects are preferences: (b - a) / (a + b), from -1 (only list a) to 1 (only b).

    `planned` is from `planned_credit_variance`; `credits` must begin after the days of that plan. Without a preference,
    a credit's sign is a fair coin, and a user's sum is a step of a random walk.
    """
    number, signed = credits.a + credits.b, credits.b - credits.a
    squares = np.maximum(credits.aa + credits.bb - 2 * credits.ab, 1.0)
    tau = squares / planned
    bound = boundary(tau, alpha)
    counts = number >= FEWEST_CREDITS
    low, high = _interval(credits, bound)
    return looks_of(
        tau,
        np.where(counts, signed / np.sqrt(squares), 0.0),
        bound,
        estimate=signed / np.maximum(number, 1.0),
        low=np.where(counts, low, -1.0),
        high=np.where(counts, high, 1.0),
    )


def _interval(credits: Credits, bound: Floats) -> tuple[Floats, Floats]:
    """Fieller's interval: all p with |S - p N| <= bound sqrt(sum of users' (s - p n)^2), where s = b - a, n = a + b."""
    number, signed, squared = credits.a + credits.b, credits.b - credits.a, bound**2
    a = number**2 - squared * (credits.aa + credits.bb + 2 * credits.ab)
    b = signed * number - squared * (credits.bb - credits.aa)
    c = signed**2 - squared * (credits.aa + credits.bb - 2 * credits.ab)
    is_bounded = (a > 0) & (b * b >= a * c)
    safe_a = np.where(is_bounded, a, 1.0)
    root = np.sqrt(np.where(is_bounded, b * b - a * c, 0.0))
    low = np.where(is_bounded, np.maximum((b - root) / safe_a, -1.0), -1.0)
    high = np.where(is_bounded, np.minimum((b + root) / safe_a, 1.0), 1.0)
    return low, high
