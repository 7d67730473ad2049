"""The queries of a casino's offer. Each is one statement and thus reads one database snapshot."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from recommendations.text_ids import texts_of
from tenants.routing.connections import casino_connection

from .event_texts import EventTexts
from .snapshot import Offer, offer_of_columns

# Two columns for the select list of any query: the database's version, and the changes up to it for
# `OfferCache.advance`, null if the versions are equal. Parameters: `offer_version` (the version in memory, or None) and
# `now`. A trigger that finds the version's row missing inserts it with 0, which counts as no version here.
OFFER_COLUMNS = (
    "(SELECT NULLIF(version, 0) FROM offer_version WHERE id = 1) AS offer_version, "
    "(SELECT CASE WHEN version IS DISTINCT FROM %(offer_version)s "
    "THEN with_start_times_tbd(offered_changes_since_2(%(offer_version)s, %(now)s), %(now)s) END "
    "FROM offer_version WHERE id = 1) AS offer_changes"
)
RELOAD = "reload"

_LOAD = (
    "SELECT (SELECT NULLIF(version, 0) FROM offer_version WHERE id = 1), "
    "with_start_times_tbd(offered_events_2(%(now)s), %(now)s)"
)

_Numbers = list[float | str | None] | None  # no number: the odd of an event that has only markets
_Texts = list[str] | None
# An aggregate over no rows is null.
_Columns = tuple[
    list[int] | None,  # the ids of all changed events
    list[int] | None,  # the ids of the returned events
    _Numbers,
    _Numbers,
    _Numbers,
    _Texts,
    _Texts,
    _Texts,
    _Texts,
    _Texts,
    _Texts,
    list[tuple[int, frozenset[int]]] | None,  # ids of events, each with the ids of other events that are the same match
    list[tuple[int, tuple[str, ...]]] | None,  # ids of one-sided events, each with its participants
    list[tuple[int, int]] | None,  # ids of events with markets, each with the bits of the producers that offer it
    list[int] | None,  # the ids of all events whose start time is to be confirmed
]
_DECODER = msgspec.json.Decoder(_Columns)


def query_changes(known: int | None, now: datetime) -> tuple[int | None, str | None]:
    """Read the version of the current casino's offer, and the changes since the version `known`; None if equal."""
    version, changes = _row(f"SELECT {OFFER_COLUMNS}", {"offer_version": known, "now": now})
    return version, changes


def load_offer(now: datetime) -> Offer:
    """Load the current casino's events that are open and not over at `now`; `slip.py` filters them further."""
    version, events = _row(_LOAD, {"now": now})
    return _decoded(version, events)[1]


def advanced(offer: Offer, version: int, changes: str, now: datetime) -> Offer:
    """The next snapshot after `offer`. `changes`: the column `offer_changes` of a query with the offer's version."""
    changed, rows = _decoded(version, changes, like=offer)
    gone = np.setdiff1d(np.array(changed, dtype=np.int64), rows.ids)
    return offer.patched(version, rows, gone).trimmed(now)


def _decoded(version: int | None, columns: str, like: Offer | None = None) -> tuple[list[int], Offer]:
    changed, *events, same_matches, participants, offered_by, tbd = (
        column or [] for column in _DECODER.decode(columns)
    )
    texts = EventTexts() if like is None else like.texts
    offer = replace(
        offer_of_columns(version, events, like),
        same_matches=dict(same_matches),
        participants=dict(participants),
        texts=texts,
    ).with_offered_by(dict(offered_by))
    if unknown := [each for each in offer.text_ids() if each not in texts]:
        texts.add(texts_of(unknown))  # texts are written before their events, so a later query finds them
    return changed, replace(offer, start_time_tbd=np.isin(offer.ids, tbd)) if tbd else offer


def _row(sql: str, parameters: dict[str, Any]) -> Any:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()
