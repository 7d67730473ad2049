"""Stores closings and restrictions early, from messages that wait for earlier ones.

Values only become stricter, a closing applies to prices of its time and before, and each message is still stored in its
turn. These functions may therefore run repeatedly, in several processes, and also after the message itself.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

from recommendations.text_ids import Kind, with_stored_ids
from recommendations.validation.changes import Change, EventChange, UserChange
from recommendations.validation.markets import Closing, OddsRow, scope_of
from recommendations.validation.rows import Removal
from tenants.routing.connections import casino_atomic, execute, query

from .changes import lock_stored
from .events import EVENTS, lock_offer
from .feeds import Producers
from .markets import close_markets, closing_all, lock_prices
from .removal import ids_without_effect, lock_removed_users, remove_events, remove_users
from .rows_and_changes import Remove
from .same_event import SameEvents
from .upsert import Key, Stored, as_json, key_of
from .upsert_sql import Upsert
from .users import USERS
from .waiting_changes import keep_until_stored
from .waiting_coupons import lock_waiting_coupons

_REMOVED = "SELECT row_id, timestamp FROM removed_rows WHERE kind = %s AND row_id = ANY(%s)"  # by removed_row_unique


def restrict_events(changes: Sequence[EventChange | Removal]) -> None:
    """Close, withhold and remove stored events. A closing of an event with an unknown id waits for the event. The
    changes contain only restrictions. A removal must not be older than earlier unstored messages about its event."""
    changes = with_stored_ids(Kind.EVENTS, changes)
    with casino_atomic():
        lock_offer()
        _restrict(EVENTS, [*chain.from_iterable(SameEvents().identify(changes))], remove_events)


def restrict_users(changes: Sequence[UserChange | Removal]) -> None:
    """Restrict and remove stored users, as `restrict_events` does events."""
    changes = with_stored_ids(Kind.USERS, changes)
    with casino_atomic():
        lock_waiting_coupons()
        lock_removed_users(changes)
        _restrict(USERS, changes, remove_users)


def restrict_odds(rows: Sequence[OddsRow | Removal]) -> None:
    """Apply the closings in these messages. They also close the stored price of each market line that they change,
    until the message itself is stored."""
    identified = with_stored_ids(Kind.EVENTS, [closing_all(row) if isinstance(row, Removal) else row for row in rows])
    with casino_atomic():
        lock_prices()
        producers = Producers()
        heard = [(row.producer, row.heard) for row in identified if row.heard is not None]
        producers.mark_down(name for name, each in heard if each.is_down)
        producers.close(heard)
        close_markets([*identified, *map(_replaced, identified)], producers)


def _replaced(row: OddsRow) -> OddsRow:
    """Closings of the row's market lines, as of a moment before the row."""
    closings = tuple(Closing(scope_of(market.market, market.line)) for market in row.markets)
    as_of = row.timestamp - timedelta.resolution
    return OddsRow(id=row.id, producer=row.producer, timestamp=as_of, closings=closings)


def _restrict(upsert: Upsert, changes: Sequence[Stored], remove: Remove) -> None:
    removed: dict[Any, datetime] = {}  # ineffective removals; earlier changes have no effect either
    for part in _split_by_key(changes):
        if removals := [each for each in part if isinstance(each, Removal)]:
            ineffective = ids_without_effect(upsert.table, removals)
            removed |= {each.id: each.timestamp for each in removals if each.id in ineffective}
            # recorded before their turn, ineffective removals would make earlier unstored messages stale
            remove([each for each in removals if each.id not in ineffective])
        groups: dict[tuple[str, tuple[str, ...]], list[Change]] = defaultdict(list)
        for each in part:
            if isinstance(each, Change):
                groups["natural_key" if each.id is None else "id", each.unset_columns].append(each)
        for (key, unset_columns), group in groups.items():
            _make_stricter(upsert, key, unset_columns, group, removed)


def _split_by_key(changes: Sequence[Stored]) -> Iterator[list[Stored]]:
    """Yield the first change of each key, then the second of each key that has one, .."""
    by_key: dict[Key, list[Stored]] = defaultdict(list)
    for each in changes:
        by_key[key_of(each)].append(each)
    for number in range(max(map(len, by_key.values()), default=0)):
        yield [same_key[number] for same_key in by_key.values() if number < len(same_key)]


def _make_stricter(
    upsert: Upsert, key: str, unset_columns: tuple[str, ...], group: list[Change], removed: Mapping[Any, datetime]
) -> None:
    # in its turn, a change not later than its row's removal has no effect, even if the row is later
    for removals in (removed, _removals_of(upsert.table, group) if key == "id" else {}):
        group = [each for each in group if each.id not in removals or each.timestamp > removals[each.id]]
    stored = lock_stored(upsert.table, key, group)
    execute(_statement(upsert, key, unset_columns), [as_json(group)])
    keep_until_stored(upsert, [each for each in group if each.waits and getattr(each, key) not in stored])


def _removals_of(table: str, changes: Sequence[Change]) -> dict[Any, datetime]:
    return dict(query(_REMOVED, [table, [each.id for each in changes]]))


@cache
def _statement(upsert: Upsert, key: str, unset_columns: tuple[str, ...]) -> str:
    return upsert.restrict_sql(key, unset_columns)
