"""The functions of numbers: number formats of feeds, cents, and decimals in bytes."""

import base64
import binascii
from decimal import Decimal
from typing import Any

from .errors import UnreadableValue
from .tree import Node
from .values import Function, number_of, text_of

_MAX_SCALE = 18
_MAX_BYTES = 20  # the most bytes of an integer: some 48 digits


def make_number(node: Node) -> Function:
    given = node.fields(("decimal", "thousands"), "number")
    decimal = given["decimal"].text("decimal", 1) if "decimal" in given else "."
    thousands = given["thousands"].text("thousands", 1) if "thousands" in given else ""
    if not given or not decimal or decimal == thousands:
        raise node.fail('number needs decimal, such as ",", or thousands, such as "."; they must differ')
    if any(each.isalnum() or each in {"+", "-"} for each in (decimal, thousands)):
        raise node.fail("number: decimal and thousands are no digits, letters or signs")

    def number(value: Any) -> str:
        text = text_of(value).strip().replace(" ", "")
        plain = text.replace(thousands, "") if thousands else text
        return text_of(number_of(plain.replace(decimal, ".")))

    return Function("number", number)


def whole_number(value: Any) -> int:
    number = number_of(value)
    if number != number.to_integral_value():
        raise UnreadableValue("is no whole number")
    return int(number)


def negate(value: Any) -> Decimal:
    """The number with the other sign; 0 for 0, since -0 would be written out."""
    number = number_of(value)
    return -number if number else Decimal(0)


def plain_number(text: str) -> Decimal | None:
    """The number in a text, such as 2.5, -1 or +0; None for any other text."""
    try:
        return number_of(text[1:] if text[:1] == "+" and text[1:2].isdigit() else text)
    except UnreadableValue:
        return None


def make_multiply(node: Node) -> Function:
    factor = _factor("multiply", node)
    return Function("multiply", lambda value: number_of(value) * factor)


def make_divide(node: Node) -> Function:
    divisor = _factor("divide", node)
    return Function("divide", lambda value: number_of(value) / divisor)


def _factor(name: str, node: Node) -> Decimal:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value <= 10**12:
        raise node.fail(f"{name} needs a number above 0, such as 100")
    return Decimal(value)


def make_unscaled(node: Node) -> Function:
    scale = node.value
    if isinstance(scale, bool) or not isinstance(scale, int) or not 0 <= scale <= _MAX_SCALE:
        raise node.fail(f"unscaled needs the column's number of decimals, from 0 to {_MAX_SCALE}")

    def unscaled(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            raw = base64.b64decode(value[:100], validate=True)
        except (binascii.Error, ValueError) as error:
            raise UnreadableValue("is no base64") from error
        if not 0 < len(raw) <= _MAX_BYTES:
            raise UnreadableValue(f"is no integer of 1 to {_MAX_BYTES} bytes")
        return Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-scale)

    return Function("unscaled", unscaled)
