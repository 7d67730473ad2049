"""Consent to personalisation: the forms in which messages and files tell it."""

import msgspec

from recommendations.errors import InvalidRow

_ALLOWED = frozenset({"true", "t", "yes", "y", "1"})
_REFUSED = frozenset({"false", "f", "no", "n", "0"})
_DECODE = msgspec.json.Decoder(bool | int | str).decode


def consent_in_json(field: str, given: bytes) -> bool:
    """Consent, in JSON: true or false, 1 or 0, or text of these, yes or no. Raises InvalidRow for anything else: nobody
    may guess that somebody agreed."""
    try:
        word = str(_DECODE(given)).strip().casefold()
    except msgspec.DecodeError as error:
        raise InvalidRow("wrong_type", field, "must be true or false") from error
    if word not in _ALLOWED | _REFUSED:
        raise InvalidRow("wrong_type", field, f"is {word[:40]!r}; must be true or false")
    return word in _ALLOWED
