"""Compares the stored rows and dead letters with the expected ones."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from ingestion.status.lag import measure_lag
from ingestion.status.parked import list_parked
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import TOPICS
from recommendations.models import Event, EventTeam, Impression, PurchasedCoupon, User, UserProfile, WaitingCoupon
from recommendations.tests.profile_counts import assert_tallies_equal_a_recount
from recommendations.validation.fields import SEPARATOR
from tenants.models import Casino
from tenants.routing.connections import query
from tenants.routing.context import use_casino

from .expected import Expected, ExpectedCasino, ExpectedLetter, LetterPlace, content_of
from .odds import ExpectedOdds
from .sender import IDS_OF_NOBODY

_SHOWN = 5
_MARKETS = """
SELECT event_id, market, line, as_of, producers.name, status, outcomes, odds
FROM markets JOIN market_lines ON market_lines.id = line_id JOIN producers ON producers.code = producer
"""
# Rows of other events result from unreadable messages.
_STOPS = """
SELECT event_id, name, scope, as_of FROM market_stops JOIN producers ON code = producer WHERE event_id < %s
"""
_IMPRESSION = ("user_id", "recommendation_id", "kind", "event_id", "timestamp", "placement")
_FEEDS = "SELECT name, partition, heard_at, valid_since, beats FROM feeds JOIN producers ON code = producer"


def wait_until_done(casinos: Iterable[Casino], seconds: float) -> Iterator[str]:
    """The unread and parked messages and waiting coupons that are left after `seconds`."""
    deadline = time.monotonic() + seconds
    while left := list(_left(casinos)):
        if time.monotonic() > deadline:
            yield from left
            return
        time.sleep(0.5)


def _left(casinos: Iterable[Casino]) -> Iterator[str]:
    for topic in TOPICS.values():
        lag = measure_lag(topic)
        if not lag.is_none:
            yield f"{topic.name}: {lag.messages - lag.done} messages are not read"
            return  # the rest can't be complete yet, and querying it delays the consumers
    yield from (f"{each.topic}: {each.count} messages of casino {each.casino_id} are parked" for each in list_parked())
    for casino in casinos:
        with use_casino(casino.current):
            if waiting := WaitingCoupon.objects.count():
                yield f"{casino}: {waiting} coupons wait for their users"


def find_errors(expected: Expected, casinos: Iterable[Casino]) -> list[str]:
    """The differences; each wrong message counts as one."""
    errors = list(_compare("dead letters", expected.dead, _dead_letters()))
    for casino in casinos:
        with use_casino(casino.current):
            errors += [f"{casino}: {error}" for error in _errors_of(expected.casinos[casino.pk])]
    return errors


def _errors_of(expected: ExpectedCasino) -> Iterator[str]:
    yield from _compare("users", expected.users, {user.pk: content_of(user) for user in User.objects.all()})
    events = list(Event.objects.all())
    there = {event.natural_key or event.pk: content_of(event) for event in events}
    yield from _compare("events", expected.events, there)
    if EventTeam.objects.count() != 2 * len(events):
        yield f"{len(events)} events have {EventTeam.objects.count()} teams"
    coupons = {coupon.pk: coupon for coupon in PurchasedCoupon.objects.all()}
    with_ids = {key: content_of(coupon) for key, coupon in coupons.items() if coupon.natural_key is None}
    without = Counter(content_of(coupon) for coupon in coupons.values() if coupon.natural_key is not None)
    yield from _compare("coupons", expected.coupons, with_ids)
    yield from _compare("coupons without ids", expected.without_ids, without)
    yield from _errors_of_odds(expected.odds)
    seen = {(*row, event): (at, place) for *row, event, at, place in Impression.objects.values_list(*_IMPRESSION)}
    yield from _compare("impressions", expected.impressions.rows, seen)
    yield from _compare("profiles", _recounted(), _counted())
    try:
        assert_tallies_equal_a_recount()
    except AssertionError as error:
        yield f"tallies: {error}"


def _errors_of_odds(expected: ExpectedOdds) -> Iterator[str]:
    markets = {
        (event, market, line): (*row, tuple(sorted(zip(outcomes, odds, strict=True))))
        for event, market, line, *row, outcomes, odds in query(_MARKETS)
    }
    yield from _compare("markets", expected.markets, markets)
    stops = {
        (event, name, scope): as_of
        for event, name, scope, as_of in query(_STOPS, [IDS_OF_NOBODY])
        if SEPARATOR not in scope  # stops of a line close prices that parked messages replace
    }
    yield from _compare("stops of markets", expected.stops, stops)
    feeds = {(name, partition): tuple(row) for name, partition, *row in query(_FEEDS)}
    yield from _compare("feeds", expected.feeds, feeds)


def _recounted() -> dict[int, tuple[int, Decimal]]:
    found = PurchasedCoupon.objects.values("user_id").annotate(coupons=Count("pk"), stakes=Sum("stake"))
    counted = {row["user_id"]: (row["coupons"], row["stakes"]) for row in found.order_by("user_id")}
    return {user: counted.get(user, (0, Decimal(0))) for user in User.objects.values_list("pk", flat=True)}


def _counted() -> dict[int, tuple[int, Decimal]]:
    profiles = UserProfile.objects.values_list("user_id", "coupon_count", "stake_total")
    return {user_id: (count, total) for user_id, count, total in profiles}


def _dead_letters() -> dict[LetterPlace, ExpectedLetter]:
    """Dead letters by original place."""
    found = {}
    for letter in stored_letters():
        message = letter.message
        place = message.place
        headers = tuple(message.headers or ())
        key = place.topic, place.partition, place.offset, place.sent_at
        found[key] = ExpectedLetter(message.key, message.value, headers, letter.reason)
    return found


def _compare(kind: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    missing = expected.keys() - found.keys()
    unexpected = found.keys() - expected.keys()
    different = {key for key in expected.keys() & found.keys() if expected[key] != found[key]}
    for how, keys in (("missing", missing), ("unexpected", unexpected), ("different", different)):
        if keys:
            yield f"{kind}: {len(keys)} {how}"
            for key in sorted(keys, key=str)[:_SHOWN]:
                yield f"  {how}: {key}: sent {expected.get(key)}, found {found.get(key)}"[:1_000]
