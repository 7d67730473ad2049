"""Names that people give to casinos and API keys."""

import unicodedata

from django.core.exceptions import ValidationError

MAX_LENGTH = 100
# Control characters; characters that are invisible or change the direction of a line; separators except the plain
# space; lone surrogates, private and unassigned characters.
_HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Zs", "Cs", "Co", "Cn"}


def validate_name(name: str) -> None:
    """Raises ValidationError unless lists and logs show the name unchanged, on one line: two casinos must not look the
    same."""
    if not 0 < len(name.strip()) <= MAX_LENGTH:
        raise ValidationError(f"The name has {len(name)} characters; use 1 to {MAX_LENGTH} characters.")
    if name != name.strip(" ") or "  " in name:
        raise ValidationError("The name has a space at an end or two in a row; remove it.")
    hidden = next(
        (character for character in name if character != " " and unicodedata.category(character) in _HIDDEN), None
    )
    if hidden is not None:
        raise ValidationError(f"The name has the invisible or control character U+{ord(hidden):04X}; remove it.")
