"""Ids of rows: whole numbers from 1 to the greatest of PostgreSQL's bigint."""

from .numbers import parse_whole_number

MAX_ID = 2**63 - 1


def parse_id(text: str) -> int | None:
    """The id written in `text`; None if it is no id from 1 to `MAX_ID`."""
    return parse_whole_number(text, 1, MAX_ID)
