"""Errors of mappings and of documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.errors import IngestionError


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at one place of a mapping: `mapping.yaml:12:5`, or `mapping.events.fields.id`."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class InvalidMapping(IngestionError):
    """The mapping can't be used. The message has one line per problem, with its place and the allowed values."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    @classmethod
    def at(cls, place: str, text: str) -> "InvalidMapping":
        return cls([Problem(place, text)])


class NoSuchMapping(IngestionError):
    """No shipped mapping has this name."""


class UnreadableDocument(IngestionError):
    """A document is not in the mapping's format, or too large; `code` is the rejection code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class UnreadableValue(IngestionError):
    """A value of a document can't become a field. The message has the reason, without the value."""
