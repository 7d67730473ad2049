"""A dead letter in words, each field with its meaning."""

from typing import Any

from tenants.management.cli.verbs import columns
from tenants.models.dead_letter import DeadLetterState
from tenants.numbers import counted

from .listing import ShownLetter

_STATES = {
    DeadLetterState.OPEN.value: "open: it can be replayed or purged",
    DeadLetterState.REPLAYED.value: "replayed: it was sent to its topic again",
    DeadLetterState.PURGED.value: "purged: closed for good, its message is deleted",
}


def describe_letter(letter: ShownLetter) -> str:
    """A line for each field; the message is the last."""
    refusal = f"PostgreSQL refused it with SQLSTATE {letter.sqlstate}, tried {_times(letter.attempts)}"
    lines: list[tuple[str, Any]] = [
        ("id", letter.id),
        ("casino", "unknown" if letter.casino_id is None else letter.casino_id),
        ("topic", letter.topic),
        ("origin", letter.place),
        ("rejected at", f"{letter.rejected_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("rejection code", f"{letter.reason} (docs/ingestion.md, Rejection codes)"),
        ("wrong field", letter.field or "none: the message as a whole"),
        ("problem", letter.detail),
        *([("database", refusal)] if letter.sqlstate else []),
        ("state", _STATES.get(letter.state, letter.state)),
        ("replayed", _times(letter.replays) if letter.replays else "never"),
        ("message's key", "none" if letter.key is None else letter.key),
        *((f"header {name}", "none" if value is None else value) for name, value in letter.headers),
        ("message", _message(letter)),
    ]
    return columns(lines)


def _message(letter: ShownLetter) -> str:
    if letter.value is not None:
        return f"{letter.value} ({counted(letter.size, 'byte')} with key and headers)"
    return "deleted" if letter.state == DeadLetterState.PURGED else "no value: it removes the row with its key's id"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
