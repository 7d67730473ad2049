"""What `manage.py dead_letters` can do."""

from abc import ABC
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from ingestion.dead_letters.log import DeadLetter, Query, State, get_dead_letter, list_dead_letters, readable
from ingestion.dead_letters.purge import purge
from ingestion.dead_letters.replay import MOST_REPLAYS, judge, replay
from ingestion.messages.envelope import Envelope
from ingestion.topics import TOPICS
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, registry, size_text

_SHOWN = 50
_TEXT = 60


class SelectingVerb(Verb, ABC):
    """A verb about the dead letters that its arguments select."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="these; else all that the following select")
        parser.add_argument("--topic", choices=sorted(TOPICS))
        parser.add_argument("--casino", type=int, metavar="ID")
        parser.add_argument("--reason", metavar="CODE")
        parser.add_argument("--older-than", type=float, metavar="DAYS")


def _select(options: dict[str, Any], states: Sequence[State] = (State.OPEN,)) -> list[DeadLetter]:
    days = options["older_than"]
    query = Query(
        topic=options["topic"],
        casino_id=options["casino"],
        reason=options["reason"],
        before=None if days is None else timezone.now() - timedelta(days=days),
        ids=tuple(options["ids"]),
    )
    found = list_dead_letters(query, states=states)
    missing = set(query.ids) - {letter.id for letter in found}
    if missing:
        raise CommandError(f"There is no open dead letter {', '.join(sorted(missing))}.")
    return found


class ListVerb(SelectingVerb):
    name = "list"
    help = "The dead letters that are still open, the latest last."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--limit", type=int, default=_SHOWN, metavar="N", help="the latest so many (%(default)s)")
        parser.add_argument("--closed", action="store_true", help="also those that were replayed or purged")

    def run(self, terminal: Terminal, *args: Any, limit: int, closed: bool, **options: Any) -> VerbResult:
        letters = _select(options, list(State) if closed else (State.OPEN,))
        shown = letters[-limit:] if limit else letters
        if not letters:
            return VerbResult("There are no dead letters.", [])
        head = ("id", "casino", "reason", "what is wrong", "when", "replays", "state")
        rows = [
            (each.id, each.casino_id, each.reason, _short(each), each.at, each.replays, each.state) for each in shown
        ]
        reasons = Counter(letter.reason for letter in letters)
        sums = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        return VerbResult(f"{columns([head, *rows])}\n\n{len(letters)} in all: {sums}", shown)


class ShowVerb(Verb):
    name = "show"
    help = "One dead letter, with its message byte for byte."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="topic/partition/offset, as `list` names it")

    def run(self, terminal: Terminal, *args: Any, id: str, **options: Any) -> VerbResult:
        letter, envelope = get_dead_letter(id)
        fields = {name: getattr(letter, name) for name in letter.__struct_fields__}
        message = {"key": readable(envelope.key), "headers": _headers(envelope), "value": readable(envelope.value)}
        rows = [(name.replace("_", " "), value) for name, value in {**fields, **message}.items()]
        return VerbResult(columns(rows), {**fields, **message})


class ReplayVerb(SelectingVerb):
    name = "replay"
    help = "Send dead letters again, once what kept them from being stored is mended; each is stored once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only say what each would meet with now")
        parser.add_argument("--again", action="store_true", help=f"also those replayed {MOST_REPLAYS} times already")
        parser.add_argument("--yes", action="store_true", help="don't ask")

    def run(self, terminal: Terminal, *args: Any, dry_run: bool, again: bool, **options: Any) -> VerbResult:
        letters = _select(options)
        if dry_run:
            prospects = judge(letters, timezone.now())
            sums = Counter(prospect.verdict for prospect in prospects)
            return VerbResult(f"Of {len(letters)} dead letters: {_describe(sums)}. Nothing was sent.", prospects)
        if letters:
            terminal.confirm(f"{len(letters)} messages are sent again to their topics.")
        sent = replay(letters, again=again)
        left = len(letters) - len(sent)
        rest = f" {left} were left alone, since they go in circles: say --again if you mean it." if left else ""
        return VerbResult(f"{len(sent)} dead letters were replayed.{rest}", [letter.id for letter in sent])


class PurgeVerb(SelectingVerb):
    name = "purge"
    help = "Give dead letters up: they are listed no longer, and deleted as far as Kafka can."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="don't ask")

    def run(self, terminal: Terminal, *args: Any, **options: Any) -> VerbResult:
        letters = _select(options)
        if letters:
            size = size_text(sum(letter.size for letter in letters))
            terminal.confirm(f"{len(letters)} messages ({size}) are given up for good.")
            purge(letters)
        return VerbResult(f"{len(letters)} dead letters were purged.", [letter.id for letter in letters])


def _short(letter: DeadLetter) -> str:
    text = letter.detail.replace("\n", " ")
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _headers(envelope: Envelope) -> list[tuple[str, str | None]]:
    return [(name, readable(value)) for name, value in envelope.headers or ()]


def _describe(sums: Counter[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in sums.most_common()) or "none"


VERBS = registry([ListVerb(), ShowVerb(), ReplayVerb(), PurgeVerb()])
