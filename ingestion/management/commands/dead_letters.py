"""`manage.py dead_letters <verb>`: lists, shows, replays and purges rejected messages."""

from abc import ABC
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from ingestion.dead_letters.log import (
    DeadLetter,
    DeadLetterQuery,
    DeadLetterState,
    get_dead_letter,
    list_dead_letters,
    readable,
)
from ingestion.dead_letters.purge import purge
from ingestion.dead_letters.replay import MAX_REPLAYS, preview_replay, replay
from ingestion.management.kafka_command import KafkaVerbCommand
from ingestion.messages.envelope import Envelope
from ingestion.topics import TOPICS
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, registry, size_text
from tenants.numbers import as_count, as_decimal, as_id

_SHOWN = 50
_TEXT = 60


class SelectingVerb(Verb, ABC):
    """A verb for the dead letters that its arguments select."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="ids (default: all that match the options)")
        parser.add_argument("--topic", choices=sorted(TOPICS))
        parser.add_argument("--casino", type=as_id, metavar="ID")
        parser.add_argument("--reason", metavar="CODE")
        parser.add_argument("--older-than", type=as_decimal, metavar="DAYS")


def _select(options: dict[str, Any], states: Sequence[DeadLetterState] = (DeadLetterState.OPEN,)) -> list[DeadLetter]:
    days = options["older_than"]
    query = DeadLetterQuery(
        topic=options["topic"],
        casino_id=options["casino"],
        reason=options["reason"],
        before=None if days is None else timezone.now() - timedelta(days=days),
        ids=tuple(options["ids"]),
    )
    found = list_dead_letters(query, states=states)
    missing = set(query.ids) - {letter.id for letter in found}
    if missing:
        raise CommandError(f"No open dead letter has the id {', '.join(sorted(missing))}. See `dead_letters list`.")
    return found


class ListDeadLetters(SelectingVerb):
    name = "list"
    help = "List open dead letters, the latest last."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--limit", type=as_count, default=_SHOWN, metavar="N", help="show the latest N (%(default)s)"
        )
        parser.add_argument("--closed", action="store_true", help="also replayed and purged ones")

    def run(self, terminal: Terminal, *args: Any, limit: int, closed: bool, **options: Any) -> VerbResult:
        letters = _select(options, list(DeadLetterState) if closed else (DeadLetterState.OPEN,))
        shown = letters[-limit:] if limit else letters
        if not letters:
            return VerbResult("No dead letters.", [])
        head = ("id", "casino", "reason", "error", "time", "replays", "state")
        rows = [
            (each.id, each.casino_id, each.reason, _short(each), each.at, each.replays, each.state) for each in shown
        ]
        reasons = Counter(letter.reason for letter in letters)
        sums = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        return VerbResult(f"{columns([head, *rows])}\n\nTotal {len(letters)}: {sums}", shown)


class ShowDeadLetter(Verb):
    name = "show"
    help = "Show a dead letter with its whole message."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="topic/partition/offset, as shown by `list`")

    def run(self, terminal: Terminal, *args: Any, id: str, **options: Any) -> VerbResult:
        letter, envelope = get_dead_letter(id)
        fields = {name: getattr(letter, name) for name in letter.__struct_fields__}
        message = {"key": readable(envelope.key), "headers": _headers(envelope), "value": readable(envelope.value)}
        rows = [(name.replace("_", " "), value) for name, value in {**fields, **message}.items()]
        return VerbResult(columns(rows), {**fields, **message})


class ReplayDeadLetters(SelectingVerb):
    name = "replay"
    help = "Send dead letters to their topics again, after the cause is fixed. Each is stored at most once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only show the expected results")
        parser.add_argument("--again", action="store_true", help=f"also those already replayed {MAX_REPLAYS} times")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def run(self, terminal: Terminal, *args: Any, dry_run: bool, again: bool, **options: Any) -> VerbResult:
        letters = _select(options)
        if dry_run:
            previews = preview_replay(letters, timezone.now())
            sums = Counter(preview.result for preview in previews)
            return VerbResult(f"Expected results of {len(letters)} replays: {_describe(sums)}. Nothing sent.", previews)
        if letters:
            terminal.confirm(f"{len(letters)} messages will be sent to their topics again.")
        sent = replay(letters, again=again)
        skipped = len(letters) - len(sent)
        rest = (
            f" {skipped} skipped: already replayed {MAX_REPLAYS} times. Use --again to replay them anyway."
            if skipped
            else ""
        )
        return VerbResult(f"{len(sent)} dead letters replayed.{rest}", [letter.id for letter in sent])


class PurgeDeadLetters(SelectingVerb):
    name = "purge"
    help = "Close dead letters for good: they are not listed any more, and deleted as far as Kafka can."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def run(self, terminal: Terminal, *args: Any, **options: Any) -> VerbResult:
        letters = _select(options)
        if letters:
            size = size_text(sum(letter.size for letter in letters))
            terminal.confirm(f"{len(letters)} messages ({size}) will be closed, and can't be replayed any more.")
            purge(letters)
        return VerbResult(f"{len(letters)} dead letters purged.", [letter.id for letter in letters])


def _short(letter: DeadLetter) -> str:
    text = letter.detail.replace("\n", " ")
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _headers(envelope: Envelope) -> list[tuple[str, str | None]]:
    return [(name, readable(value)) for name, value in envelope.headers or ()]


def _describe(sums: Counter[str]) -> str:
    return ", ".join(f"{count} {result}" for result, count in sums.most_common()) or "none"


_VERBS = registry([ListDeadLetters(), ShowDeadLetter(), ReplayDeadLetters(), PurgeDeadLetters()])


class Command(KafkaVerbCommand):
    help = "List, show, replay and purge dead letters: rejected messages."
    verbs = _VERBS
