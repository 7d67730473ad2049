"""Numbers out of what a browser sends."""

from recommendations.serving.preview import MAX_ID

_MAX_DIGITS = 19


def whole_number(text: str | None) -> int | None:
    """The id that `text` names; None if it names none that there could be."""
    text = (text or "").strip()
    if not (text.isdecimal() and len(text) <= _MAX_DIGITS):
        return None
    return number if (number := int(text)) <= MAX_ID else None
