"""Assigns users to experiments and variants by hashes of their ids. It is stateless, so that all processes and releases
assign equally.

Kohavi, Tang, Xu (2020), Trustworthy Online Controlled Experiments, chapter 14.
"""

from collections.abc import Iterable
from hashlib import blake2b

from recommendations.validation.own_ids import OwnId

PARTS = 10_000  # shares and traffic are whole numbers of ten thousandths
LAYER = "layer"  # the salt that all experiments of a casino share, so that disjoint ranges exclude each other
_BITS = 64


def place_of(salt: str, casino_id: int, user_id: OwnId) -> int:
    """A number from 0 to 9,999, evenly distributed over users, and independent of the number with another salt.
    `user_id` is the casino's own id: a text's stored id may change in a restore."""
    digest = blake2b(f"{salt}:{casino_id}:{user_id}".encode(), digest_size=_BITS // 8).digest()
    return int.from_bytes(digest, "big") * PARTS >> _BITS


def is_in(place: int, ranges: Iterable[tuple[int, int]]) -> bool:
    """Whether a place is in one of these ranges, whose ends are exclusive."""
    return any(begin <= place < end for begin, end in ranges)


def variant_at(place: int, shares: Iterable[int]) -> int:
    """The index of the variant at this place, by the variants' shares, which must sum to 10,000. Raises ValueError."""
    end = 0
    for number, share in enumerate(shares):
        end += share
        if place < end:
            return number
    raise ValueError(f"Shares of {end} do not cover the place {place}: they must sum to {PARTS}.")
