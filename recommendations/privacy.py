"""What a user has a right to: to be told what is kept of them, and to be erased. Both are written in the audit log."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from tenants.models import Casino, PrivacyAction, PrivacyRecord

from .errors import UserNotFound
from .storing.erased_tastes import vectors_of
from .storing.erasure import erase_rows_until, erase_user
from .storing.sql import query
from .tallies.user_tallies_sql import MERGED_TALLIES, UNMERGED_COUPONS, merge_tallies

# Whole rows, so that a column that is added is told of too.
_ROWS = {
    "user": "SELECT to_jsonb(users) FROM users WHERE id = %s",
    "profile": "SELECT to_jsonb(profile) FROM users_profile AS profile WHERE user_id = %s",
    "coupons": "SELECT to_jsonb(coupon) FROM purchased_coupons AS coupon WHERE user_id = %s ORDER BY id",
    "waiting_coupons": "SELECT to_jsonb(coupon) - 'message' FROM waiting_coupons AS coupon WHERE user_id = %s "
    "ORDER BY id",
    "served_recommendations": "SELECT to_jsonb(served) FROM served_recommendations AS served WHERE user_id = %s "
    "ORDER BY id",
}
_TALLIES = f"SELECT {MERGED_TALLIES}, {UNMERGED_COUPONS} FROM users_profile AS profile WHERE user_id = %s"
_ONE = ("user", "profile")


def forget_user(*, casino: Casino, user_id: int, by: str, now: datetime) -> dict[str, int]:
    """Erase a user of the current casino; answers how many rows there were, by table. Raises UserNotFound if there
    were none."""
    with _recorded(casino, user_id, PrivacyAction.ERASED, by):
        erased = erase_user(user_id, now)
        if not any(erased.values()):
            raise UserNotFound("User not found")
    return erased


def export_user(*, casino: Casino, user_id: int, by: str) -> dict[str, Any]:
    """All that is kept of a user of the current casino. Raises UserNotFound if that is nothing."""
    with _recorded(casino, user_id, PrivacyAction.EXPORTED, by):
        found = {name: [_as_value(row) for (row,) in query(sql, [user_id])] for name, sql in _ROWS.items()}
        vectors = vectors_of(user_id)
        if not vectors and not any(found.values()):
            raise UserNotFound("User not found")
        one = {name: next(iter(found[name]), None) for name in _ONE}
        return {"user_id": user_id, **found, **one, "tallies": _tallies(user_id), "tastes": vectors}


def erased_users(casino: Casino) -> dict[int, datetime]:
    """Whom the audit log says to be erased, and when that was asked for last."""
    records = PrivacyRecord.objects.filter(casino_id=casino.pk, action=PrivacyAction.ERASED)
    return dict(records.values_list("user_id").annotate(Max("asked_at")).order_by("user_id"))


def reapply_erasure(user_id: int, erased_at: datetime) -> bool:
    """Erase once more what is of before; whether anything of that had come back into the current casino's database. Of
    who has come anew since, what came since stays."""
    return any(erase_rows_until(user_id, erased_at).values())


@contextmanager
def _recorded(casino: Casino, user_id: int, action: PrivacyAction, by: str) -> Iterator[None]:
    """The intent before, and that it was done after; nothing of a user of whom nothing is kept."""
    record = PrivacyRecord.objects.create(casino_id=casino.pk, user_id=user_id, action=action, asked_by=by)
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
    """What the user's coupons add up to."""
    rows = query(_TALLIES, [user_id])
    return merge_tallies(*rows[0]).counts if rows else {}
