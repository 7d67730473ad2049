"""The user in a message, including a rejected one."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recommendations.errors import InvalidRow
from recommendations.validation.own_ids import own_id

from .envelope import Envelope, without_byte_order_mark
from .formats import CouponMessage, ImpressionMessage, ServedMessage, UserMessage


class _OfUsers(msgspec.Struct):
    """The field with the user of a message."""

    user_id: Any = msgspec.field(default=None, name="id")


class _OfUser(msgspec.Struct):
    user_id: Any = None


_NAMES_USER: Mapping[type[msgspec.Struct], type[_OfUser | _OfUsers]] = {
    UserMessage: _OfUsers,
    CouponMessage: _OfUser,
    ServedMessage: _OfUser,
    ImpressionMessage: _OfUser,
}


def named_user(message: type[msgspec.Struct], envelope: Envelope) -> tuple[str, ...]:
    """The id of the user in a message of this format; empty without a readable one."""
    names_user = _NAMES_USER.get(message)
    if names_user is None:
        return ()
    try:
        decoded = msgspec.json.decode(without_byte_order_mark(envelope).value or b"", type=names_user)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return _normal_form(decoded.user_id)


def _normal_form(user_id: object) -> tuple[str, ...]:
    """The id as text: 31, "31" and 31.0 are the same user; True is none."""
    if isinstance(user_id, bool) or not isinstance(user_id, int | float | str):
        return ()
    try:
        return (str(own_id("", user_id)),)
    except InvalidRow:
        return ()
