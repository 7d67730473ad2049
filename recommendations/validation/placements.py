"""The names of the places where casinos show recommendations, such as `home` or `betslip/top`."""

import re

from recommendations.errors import InvalidRow
from recommendations.models.served import MAX_NAME

PLACEMENT_PATTERN = rf"^[A-Za-z0-9._:/-]{{1,{MAX_NAME}}}$"
PLACEMENT_RULE = f"must have 1 to {MAX_NAME} letters of ASCII, digits and the characters . _ : / -"

_PLACEMENT = re.compile(PLACEMENT_PATTERN.strip("^$"))


def placement(field: str, value: str) -> str:
    """The name as sent; it is case-sensitive. Raises InvalidRow."""
    if not _PLACEMENT.fullmatch(value):
        raise InvalidRow("bad_text", field, PLACEMENT_RULE)
    return value
