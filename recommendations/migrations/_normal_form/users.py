"""Users, of whom those without an id of the casino may become one."""

from datetime import UTC, datetime
from typing import Any

from recommendations.validation.identity import user_key
from recommendations.validation.normal_form import name_form, upper_form

from .database import Database, Row, can_be_stored, concatenated, in_form
from .natural_keys import NewKeys

_FORMS = {
    "name": name_form,
    "surname": name_form,
    "country": upper_form,
    "favorite_league": upper_form,
}
_STATUSES = ("ACTIVE", "TIME_OUT", "SELF_EXCLUDED", "CLOSED")
_FOR_GOOD = datetime.max.replace(tzinfo=UTC)
_NEVER = datetime.min.replace(tzinfo=UTC)
_TIMED = ("status", "birth_date", "stake_limit", "limit_left")

_OF_A_USER = ("purchased_coupons", "waiting_coupons", "served_recommendations")
_PROFILE = """
INSERT INTO users_profile AS profile (user_id, needs_rebuild, coupon_count, stake_total)
SELECT %(user)s, true, count(*), COALESCE(sum(stake), 0) FROM purchased_coupons WHERE user_id = %(user)s
ON CONFLICT (user_id) DO UPDATE SET
    needs_rebuild = true, favorite_sport_league_json = NULL, pending_coupon_ids = '{}',
    coupon_count = excluded.coupon_count, stake_total = excluded.stake_total
"""


def bring_users(database: Database) -> tuple[int, list[int], dict[int, int]]:
    """Returns the number of users whose text changed; the ids of those that can have no normal form, which stay; and
    each user who was merged into another, with that one."""
    keys, changed, unusable = NewKeys(database, "users"), 0, list[int]()
    columns = ", ".join((*_FORMS, "birth_year", "natural_key"))
    for page in database.pages("users", columns, concatenated(_FORMS), condition="natural_key IS NOT NULL"):
        updates: list[Row] = []
        found = []
        for row in page:
            texts = in_form(row, _FORMS)
            if not can_be_stored(row, texts):
                unusable.append(row["id"])
                continue
            if any(texts[name] != row[name] for name in texts):
                updates.append({"id": row["id"], **texts})
            if row["natural_key"] is not None:
                found.append(
                    (row["id"], user_key(texts["name"], texts["surname"], row["birth_year"], texts["country"]))
                )
        database.update("users", dict.fromkeys(_FORMS, "text"), updates)
        keys.add(found)
        changed += len(updates)
    merged = {other: kept for kept, others in keys.groups() for other in _merge(database, kept, others)}
    keys.store()
    return changed, unusable, merged


def _merge(database: Database, kept: int, others: list[int]) -> list[int]:
    rows = database.rows("SELECT * FROM users WHERE id = ANY(%s) FOR UPDATE", [kept, *others])
    strictest = _strictest(rows)
    changes = ", ".join(f"{name} = %s" for name in strictest)
    database.run(f"UPDATE users SET {changes} WHERE id = %s", *strictest.values(), kept)
    for table in _OF_A_USER:
        database.run(f"UPDATE {table} SET user_id = %s WHERE user_id = ANY(%s)", kept, others)
    for table in ("users_profile", "user_tallies"):
        database.run(f"DELETE FROM {table} WHERE user_id = ANY(%s)", others)
    database.run("DELETE FROM users WHERE id = ANY(%s)", others)
    database.run(_PROFILE.replace("%(user)s", "%s"), kept, kept)
    return others


def _strictest(rows: list[Row]) -> dict[str, Any]:
    """The strictest status, the latest birth date and the lowest limits of these rows, as of the latest of them."""
    restricted = max(rows, key=_strictness)
    born = [row["birth_date"] for row in rows if row["birth_date"] is not None]
    return {
        "status": restricted["status"],
        "status_until": restricted["status_until"],
        "birth_date": max(born, default=None),
        **{name: _lowest(rows, name) for name in ("stake_limit", "limit_left")},
        **{f"{name}_as_of": max(row[f"{name}_as_of"] or row["timestamp"] for row in rows) for name in _TIMED},
    }


def _strictness(row: Row) -> tuple[datetime, int]:
    """The status that lasts longest, then the one that rules out more."""
    status, until = row["status"], row["status_until"]
    end = _NEVER if status == "ACTIVE" else _FOR_GOOD if status == "CLOSED" or until is None else until
    return end, _STATUSES.index(status) if status in _STATUSES else len(_STATUSES)


def _lowest(rows: list[Row], name: str) -> Any:
    return min((row[name] for row in rows if row[name] is not None), default=None)
