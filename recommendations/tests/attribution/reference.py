"""Reference implementation of the rule in plain Python, over all stored rows: the expected results of the job."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from recommendations.models import PurchasedCoupon, ServedSlip

LEVELS = ("event", "market", "outcome")


def expected_attributions(window: timedelta) -> dict[int, tuple[Any, ...]]:
    """Coupon -> recommendation, matched events, matched selections, how, shown."""
    answers = list(ServedSlip.objects.exclude(events=[]))
    found = {}
    for coupon in PurchasedCoupon.objects.all():
        candidates = [
            (is_named, answer.shown, len(levels), answer.timestamp, answer.recommendation_id, answer, levels)
            for answer in answers
            if answer.user_id == coupon.user_id
            and coupon.timestamp - window <= answer.timestamp <= coupon.timestamp
            and ((levels := _levels(coupon, answer)) or answer.recommendation_id == coupon.recommendation_id)
            for is_named in [answer.recommendation_id == coupon.recommendation_id]
        ]
        if candidates:
            is_named, *_, answer, levels = max(candidates, key=lambda each: each[:5])
            how = "named" if is_named else LEVELS[min(level for _, level in levels)]
            events = sorted({event_id for event_id, _ in levels})
            found[coupon.pk] = (answer.recommendation_id, events, len(levels), how, answer.shown)
    return found


def expected_user_days(attributed: dict[int, tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """User, day, recommender and placement -> answers, empty, refused, withheld, bets, withheld bets and stake."""
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0, Decimal(0)])
    answers: dict[UUID, ServedSlip] = {}
    for answer in ServedSlip.objects.all():
        answers[answer.recommendation_id] = answer
        row = sums[answer.user_id, answer.timestamp.date(), answer.recommender, answer.placement]
        row[0] += answer.shown
        row[1] += answer.shown and not answer.events and not answer.refusal
        row[2] += answer.shown and bool(answer.refusal)
        row[3] += not answer.shown
    for coupon in PurchasedCoupon.objects.all():
        keys = [("", "")]
        if coupon.pk in attributed:
            answer = answers[attributed[coupon.pk][0]]
            keys.append((answer.recommender, answer.placement))
        for recommender, placement in keys:
            is_withheld = bool(recommender) and not attributed[coupon.pk][4]
            row = sums[coupon.user_id, coupon.timestamp.date(), recommender, placement]
            row[5 if is_withheld else 4] += 1
            row[6] += 0 if is_withheld else coupon.stake
    return {key: tuple(row) for key, row in sums.items()}


def _levels(coupon: PurchasedCoupon, answer: ServedSlip) -> list[tuple[int, int]]:
    """The event and the level of each matched selection."""
    levels = []
    for selection in (*coupon.recommended_events, *(coupon.unread_selections or ())):
        same = [event for event in answer.events if event["event_id"] == selection.get("event_id")]
        if same:
            levels.append((selection["event_id"], max(_level(selection, event) for event in same)))
    return levels


def _level(selection: dict[str, Any], event: dict[str, Any]) -> int:
    names = [[each.get(name) for name in ("market", "line", "outcome")] for each in (selection, event)]
    if None in (names[0][0], names[1][0]) or names[0][:2] != names[1][:2]:
        return 0
    return 2 if names[0] == names[1] else 1


def total(rows: Iterable[tuple[Any, ...]], place: int) -> Any:
    """The sum of one column."""
    return sum(row[place] for row in rows)
