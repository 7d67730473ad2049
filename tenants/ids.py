"""Ids of rows: whole numbers from 1 to the greatest of PostgreSQL's bigint."""

MAX_ID = 2**63 - 1


def parse_id(text: str) -> int | None:
    """The id written in ASCII digits; None if `text` is no id from 1 to `MAX_ID`."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ID))
    number = int(text) if is_number else 0
    return number if 0 < number <= MAX_ID else None
