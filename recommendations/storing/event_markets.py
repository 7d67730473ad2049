"""Stores the markets in messages of events, which list all markets, and updates those of removed and new events."""

from collections.abc import Sequence
from copy import copy

from django.utils import timezone
from msgspec import UNSET, UnsetType

from recommendations.validation.changes import EventChange
from recommendations.validation.markets import OddsRow
from recommendations.validation.rows import EventRow, Removal
from tenants.routing.connections import query

from .markets import remove_markets, write_odds
from .offered_by import flip_offered_by
from .outcomes import Outcome, Result

Row = EventRow | EventChange | Removal

_WITHOUT_EVENT = frozenset({Result.ID_TAKEN, Result.NOT_STORED, Result.CONTRADICTS, Result.REMOVED})
_UNCHANGED = frozenset({Result.DUPLICATE, Result.STALE})
_BY_NATURAL_KEY = "SELECT natural_key, id FROM events WHERE natural_key = ANY(%s)"


def without_markets(row: Row) -> Row:
    """A copy of the row without its markets. The row itself stays unchanged for a repeated transaction."""
    if isinstance(row, Removal) or row.markets is UNSET:
        return row
    row = copy(row)
    row.markets = UNSET
    return row


def store_markets(
    rows: Sequence[Row],
    markets: Sequence[OddsRow | UnsetType],
    outcomes: Sequence[Outcome],
) -> list[Outcome]:
    """Store the markets in messages of these stored rows. Returns the outcomes, combined with those of the markets. The
    transaction holds the locks of the prices and of the offer."""
    if removed := [row.id for row, each in zip(rows, outcomes, strict=True) if each.result is Result.REMOVED]:
        remove_markets([each for each in removed if isinstance(each, int)])
    ids = _stored_ids(rows, outcomes)
    odds = {
        place: _odds_of_event(rows[place], each, ids[place])
        for place, each in enumerate(markets)
        if isinstance(each, OddsRow) and ids[place] is not None
    }
    merged = list(outcomes)
    for place, markets_outcome in zip(odds, write_odds([*odds.values()]) if odds else (), strict=True):
        merged[place] = _merged(outcomes[place], markets_outcome, ids[place])
    flip_offered_by({each.id for each in outcomes if each.result is Result.STORED and each.id is not None})
    return merged


def _stored_ids(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> list[int | None]:
    """The events' ids; None for rows that are not stored."""
    keys = [row.natural_key for row in rows if not isinstance(row, Removal) and row.natural_key is not None]
    by_key = dict(query(_BY_NATURAL_KEY, [keys])) if keys else {}
    found: list[int | None] = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(row, Removal) or outcome.result in _WITHOUT_EVENT:
            found.append(None)
        else:
            found.append(outcome.id or (row.id if isinstance(row.id, int) else by_key.get(row.natural_key)))
    return found


def _odds_of_event(row: Row, markets: OddsRow, event_id: int | None) -> OddsRow:
    odds = copy(markets)
    odds.id, odds.timestamp, odds.is_complete = event_id, row.timestamp or timezone.now(), True
    return odds


def _merged(event_outcome: Outcome, markets_outcome: Outcome, event_id: int | None) -> Outcome:
    if markets_outcome.result in {Result.STORED_IN_PART, Result.TOO_MANY}:
        return Outcome(markets_outcome.result, event_id)
    is_change = markets_outcome.result is Result.STORED and event_outcome.result in _UNCHANGED
    return Outcome(Result.UPDATED, event_id) if is_change else event_outcome
