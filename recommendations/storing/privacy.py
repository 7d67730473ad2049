"""A user's data rights: export and erasure of personal data. Both are recorded in the audit log."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from recommendations.errors import ExportTooLarge, UserNotFound
from recommendations.tallies.user_tallies_sql import TALLIES_OF_USER, merge_tallies
from recommendations.text_ids import Kind, assign, id_of, with_own_ids
from recommendations.validation.identity import title_of
from recommendations.validation.own_ids import OwnId, parse_own_id
from tenants.models import Casino, PrivacyAction, PrivacyRecord
from tenants.routing.connections import casino_atomic, query

from .erasure import erase_rows_until, erase_user, vectors_of
from .rows_of_users import ROWS_OF_USERS

# Whole rows, so that the export includes columns that are added later.
_ROWS = {
    "user": "SELECT to_jsonb(users) FROM users WHERE id = %s",
    "profile": "SELECT to_jsonb(profile) FROM users_profile AS profile WHERE user_id = %s",
    "coupons": "SELECT to_jsonb(coupon) FROM purchased_coupons AS coupon WHERE user_id = %s ORDER BY id",
    "waiting_coupons": "SELECT to_jsonb(coupon) - 'message' FROM waiting_coupons AS coupon WHERE user_id = %s "
    "ORDER BY id",
    "served_recommendations": "SELECT to_jsonb(served) FROM served_recommendations AS served WHERE user_id = %s "
    "ORDER BY id",
    "impressions": "SELECT to_jsonb(impression) FROM impressions AS impression WHERE user_id = %s "
    "ORDER BY recommendation_id, kind, event_id",
    "attributions": "SELECT to_jsonb(stored) FROM attributions AS stored WHERE user_id = %s ORDER BY coupon_id",
    "user_days": "SELECT to_jsonb(stored) FROM user_days AS stored WHERE user_id = %s ORDER BY day, id",
}
_NO_USER = 0  # the user id for a text without a number; no row has it
_SINGLE_ROWS = ("user", "profile")


def forget_user(*, casino: Casino, user_id: OwnId, by: str, now: datetime) -> dict[str, int]:
    """Erase a user of the current casino, by the casino's own id. Returns the number of rows by table. Raises
    UserNotFound."""
    with _recorded(casino, user_id, PrivacyAction.ERASED, by):
        return _erase(user_id, lambda stored_id: erase_user(stored_id, now))


def export_user(*, casino: Casino, user_id: OwnId, by: str, at_most: int | None = None) -> dict[str, Any]:
    """All stored data of a user of the current casino, with the casino's own ids. Raises UserNotFound, and
    ExportTooLarge for more than `at_most` bytes."""
    stored_id = id_of(Kind.USERS, user_id) or _NO_USER
    names = [str(user_id), str(stored_id)]
    if at_most is not None:
        _check_size(stored_id, names, at_most)
    with _recorded(casino, user_id, PrivacyAction.EXPORTED, by):
        rows = {name: [_as_value(row) for (row,) in query(sql, [stored_id])] for name, sql in _ROWS.items()}
        others = {name: rows_of_users.export(names) for name, rows_of_users in ROWS_OF_USERS.items()}
        vectors = vectors_of(stored_id)
        if not vectors and not any(rows.values()) and not any(others.values()):
            raise UserNotFound("User not found")
        found = with_own_ids(rows)
        single = {name: next(iter(found[name]), None) for name in _SINGLE_ROWS}
        return {"user_id": user_id, **found, **single, **others, "tallies": _tallies(stored_id), "tastes": vectors}


def _check_size(user_id: int, names: Sequence[str], at_most: int) -> None:
    """Raises ExportTooLarge. PostgreSQL sums the rows' bytes, so that this process does not load them."""
    sizes = [f"SELECT sum(octet_length(row.data::text)) AS bytes FROM ({sql}) AS row (data)" for sql in _ROWS.values()]
    [(size,)] = query(f"SELECT sum(bytes) FROM ({' UNION ALL '.join(sizes)}) AS part", [user_id] * len(_ROWS))
    size = (size or 0) + sum(rows.count_bytes(names) for rows in ROWS_OF_USERS.values())
    if size > at_most:
        raise ExportTooLarge(
            f"The user's data has {size} bytes; a response may have {at_most}. Use `manage.py export_user`"
        )


def erased_users(casino: Casino) -> dict[OwnId, datetime]:
    """The casino's erased users by the audit log: own id -> time of the last request."""
    records = PrivacyRecord.objects.filter(casino_id=casino.pk, action=PrivacyAction.ERASED)
    latest = records.values_list("user_id").annotate(Max("asked_at")).order_by("user_id")
    return {parse_own_id(user_id) or user_id: asked_at for user_id, asked_at in latest}


def reapply_erasure(user_id: OwnId, erased_at: datetime) -> bool:
    """Repeat an erasure: delete a user's rows of before `erased_at`. Returns whether the current casino's database had
    any. If the user was stored again later, later rows stay."""
    try:
        _erase(user_id, lambda stored_id: erase_rows_until(stored_id, erased_at))
    except UserNotFound:
        return False
    return True


def _erase(user_id: OwnId, erase: Callable[[int], dict[str, int]]) -> dict[str, int]:
    """Erase a user. A text id without a number gets one, under which the erasure is recorded, also for dead letters.
    Raises UserNotFound for a user without rows; then no number is assigned."""
    with casino_atomic():
        stored_id = id_of(Kind.USERS, user_id)
        if stored_id is None:
            [stored_id] = assign([(Kind.USERS, str(user_id))]).values()
        erased = erase(stored_id)
        if not any(erased.values()):
            raise UserNotFound("User not found")
    return erased


@contextmanager
def _recorded(casino: Casino, user_id: OwnId, action: PrivacyAction, by: str) -> Iterator[None]:
    """Record the request before the block, and its completion after it; delete the record if the user is not found."""
    record = PrivacyRecord.objects.create(casino_id=casino.pk, user_id=str(user_id), action=action, asked_by=by)
    try:
        yield
    except UserNotFound:
        record.delete()
        raise
    record.done_at = timezone.now()
    record.save(update_fields=["done_at"])


def _as_value(row: Any) -> Any:
    return json.loads(row) if isinstance(row, str) else row


def _tallies(user_id: int) -> dict[str, dict[str, int]]:
    rows = query(TALLIES_OF_USER, [user_id])
    counts = merge_tallies(*rows[0]).counts if rows else {}
    return {attribute: {title_of(value): each for value, each in own.items()} for attribute, own in counts.items()}
