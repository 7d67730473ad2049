"""Learns the sports, currencies and genders of a casino, up to a number of each kind."""

from collections.abc import Collection, Sequence

from msgspec import UNSET

from recommendations.models import LearntValue
from recommendations.validation.changes import Change
from recommendations.validation.rows import MutableRow
from tenants.routing.connections import casino_atomic, execute, query

MAX_LEARNT = 500  # values of each kind: more than any sportsbook offers, and few enough for lists and filters

Learnt = tuple[str, str]  # kind, value

_UNKNOWN = (UNSET, "")

_KNOWN = "SELECT kind, value FROM learnt_values WHERE (kind, value) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
_LOCK = "SELECT pg_advisory_xact_lock('learnt_values'::regclass::oid::bigint)"
_COUNT = "SELECT kind, count(*) FROM learnt_values GROUP BY kind"
_LEARN = """
INSERT INTO learnt_values (kind, value) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT (kind, value) DO NOTHING
"""


def values_to_learn(row: MutableRow | Change) -> set[Learnt]:
    """The (kind, value) pairs of the row's fields; each kind is the name of a field."""
    return {(kind, value) for kind in LearntValue.Kind.values if (value := getattr(row, kind, "")) not in _UNKNOWN}


def learn(values: Collection[Learnt], *, unbounded: Collection[str] = ()) -> set[Learnt]:
    """Store the unknown values of the current casino. Returns the values that were not stored because their kind has
    `MAX_LEARNT` values and is not `unbounded`."""
    if not values or not _unknown(values):
        return set()
    with casino_atomic():
        return _learn_new(values, unbounded)


def _learn_new(values: Collection[Learnt], unbounded: Collection[str]) -> set[Learnt]:
    execute(_LOCK)
    new = _unknown(values)
    room = {kind: MAX_LEARNT - count for kind, count in query(_COUNT)}
    too_many: set[Learnt] = set()
    for kind in LearntValue.Kind.values:
        new_values = sorted(each for each in new if each[0] == kind)
        if kind not in unbounded:
            too_many.update(new_values[max(room.get(kind, MAX_LEARNT), 0) :])
    execute(_LEARN, _columns(sorted(new - too_many)))
    return too_many


def _unknown(values: Collection[Learnt]) -> set[Learnt]:
    return set(values).difference(query(_KNOWN, _columns(values)))


def _columns(values: Collection[Learnt]) -> list[Sequence[str]]:
    return [[kind for kind, _ in values], [value for _, value in values]]
