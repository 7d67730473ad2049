"""`manage.py dead_letters <verb>`: lists, shows, replays and purges rejected messages."""

from abc import ABC
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.core.management.base import CommandError, CommandParser
from django.db.models import Count, Sum
from django.utils import timezone

from ingestion.dead_letters.description import describe_letter
from ingestion.dead_letters.import_topics import import_topics
from ingestion.dead_letters.listing import LetterSummary, list_letters, show_letter
from ingestion.dead_letters.preview import preview_replay, summary_of
from ingestion.dead_letters.purge import purge
from ingestion.dead_letters.replay import MAX_REPLAYS, TOO_OFTEN, replay
from ingestion.dead_letters.tables import DeadLetterQuery, LetterId, Letters, LetterTable, in_each_table
from ingestion.management.kafka_command import KafkaVerbCommand
from ingestion.topics import TOPICS
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, registry, size_text
from tenants.models.dead_letter import DeadLetterState
from tenants.numbers import as_count, as_decimal, as_id, counted

_SHOWN = 50
_TEXT = 60
Result = TypeVar("Result")


class SelectingVerb(Verb, ABC):
    """A verb for the dead letters that its arguments select."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="ids (default: all that match the options)")
        parser.add_argument("--topic", choices=sorted(TOPICS))
        parser.add_argument("--casino", type=as_id, metavar="ID")
        parser.add_argument("--reason", metavar="CODE")
        parser.add_argument("--older-than", type=as_decimal, metavar="DAYS")


class Selection:
    """The dead letters that a command is about; casinos with an unavailable database are named and left out."""

    def __init__(self, terminal: Terminal, options: dict[str, Any], *, with_closed: bool = False) -> None:
        days = options["older_than"]
        self.query = DeadLetterQuery(
            topic=options["topic"],
            casino_id=options["casino"],
            reason=options["reason"],
            before=None if days is None else timezone.now() - timedelta(days=days),
            ids=tuple(map(LetterId.parse, options["ids"])),
            states=tuple(DeadLetterState) if with_closed else (DeadLetterState.OPEN,),
        )
        self._terminal = terminal
        self.count, self.size = self._measure()

    def each(self, run: Callable[[LetterTable, Letters], Result]) -> list[Result]:
        """The result for each table of dead letters."""
        return in_each_table(self.query, run, self._terminal.report)

    def _measure(self) -> tuple[int, int]:
        """The number and bytes of the selected dead letters. Raises CommandError if a given id is not among them."""
        if self.query.ids:
            found = self.each(lambda table, letters: {table.id_of(each) for each in letters.only("pk")})
            if missing := set(self.query.ids) - set().union(*found):
                ids = ", ".join(sorted(map(str, missing)))
                raise CommandError(f"No open dead letter has the id {ids}. See `dead_letters list`.")
        sums = self.each(lambda _, letters: letters.aggregate(count=Count("pk"), size=Sum("size", default=0)))
        return sum(each["count"] for each in sums), sum(int(each["size"]) for each in sums)


class ListDeadLetters(SelectingVerb):
    name = "list"
    help = "List open dead letters, the latest last."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--limit", type=as_count, default=_SHOWN, metavar="N", help="show the latest N (%(default)s); 0: all"
        )
        parser.add_argument("--closed", action="store_true", help="also replayed and purged ones")

    def run(self, terminal: Terminal, *args: Any, limit: int, closed: bool, **options: Any) -> VerbResult:
        selection = Selection(terminal, options, with_closed=closed)
        listing = list_letters(selection.query, limit or None, terminal.report)
        if not listing.letters:
            return VerbResult("No dead letters.", [])
        head = ("id", "casino", "topic", "reason", "error", "time", "replays", "state")
        sums = _describe(listing.reasons)
        text = f"{columns([head, *map(_row, listing.letters)])}\n\nTotal {listing.reasons.total()}: {sums}"
        return VerbResult(text, listing.letters)


class ShowDeadLetter(Verb):
    name = "show"
    help = "Show a dead letter with its whole message."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="casino/number or unknown/number, as shown by `list`")

    def run(self, terminal: Terminal, *args: Any, id: str, **options: Any) -> VerbResult:
        shown = show_letter(LetterId.parse(id))
        return VerbResult(describe_letter(shown), shown)


class ReplayDeadLetters(SelectingVerb):
    name = "replay"
    help = "Send dead letters to their topics again, after the cause is fixed. Each is stored at most once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only show the expected results")
        parser.add_argument("--again", action="store_true", help=f"also those already replayed {MAX_REPLAYS} times")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def run(self, terminal: Terminal, *args: Any, dry_run: bool, again: bool, **options: Any) -> VerbResult:
        selection = Selection(terminal, options)
        if dry_run:
            return _preview(selection)
        if selection.count:
            terminal.confirm(f"{counted(selection.count, 'message')} will be sent again.")
        now = timezone.now()
        counts = selection.each(lambda table, letters: (table, replay(letters, now, again=again)))
        sent = [str(LetterId(table.casino_id, number)) for table, count in counts for number in count.sent]
        skipped = sum((count.skipped for _, count in counts), Counter[str]())
        rest = "".join(f" {count} skipped: {_why_skipped(reason)}." for reason, count in skipped.items())
        return VerbResult(f"{counted(len(sent), 'dead letter')} replayed.{rest}", sent)


class PurgeDeadLetters(SelectingVerb):
    name = "purge"
    help = "Close dead letters for good, and delete their messages."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def run(self, terminal: Terminal, *args: Any, **options: Any) -> VerbResult:
        selection = Selection(terminal, options)
        if not selection.count:
            return VerbResult("0 dead letters purged.", 0)
        messages = f"{counted(selection.count, 'message')} ({size_text(selection.size)})"
        terminal.confirm(f"{messages} will be deleted, and can't be replayed any more.")
        now = timezone.now()
        count = sum(selection.each(lambda _, letters: purge(letters, now)))
        return VerbResult(f"{counted(count, 'dead letter')} purged.", count)


class ImportDeadLetters(Verb):
    name = "import"
    help = "Store the dead letters of earlier releases, which are in topics, in the databases; then delete the topics."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keep-topics", action="store_true", help="do not delete the topics")

    def run(self, terminal: Terminal, *args: Any, keep_topics: bool, **options: Any) -> VerbResult:
        found = import_topics(terminal.report, keep_topics=keep_topics)
        stored, ignored = counted(found.stored, "dead letter"), counted(found.foreign, "message")
        text = f"{stored} stored; stored already: {found.known}. {ignored} ignored."
        return VerbResult(text, found, found.problem)


def _preview(selection: Selection) -> VerbResult:
    now = timezone.now()
    found = selection.each(lambda table, letters: (table, list(preview_replay(letters, now))))
    previews = [
        {"id": str(LetterId(table.casino_id, each.number)), "result": each.result}
        for table, part in found
        for each in part
    ]
    return VerbResult(summary_of(Counter(each["result"] for each in previews)), previews)


def _why_skipped(reason: str) -> str:
    if reason == TOO_OFTEN:
        return f"already replayed {MAX_REPLAYS} times. Use --again to replay them anyway"
    return reason


def _row(letter: LetterSummary) -> tuple[object, ...]:
    error = letter.detail.replace("\n", " ")
    short = error if len(error) <= _TEXT else f"{error[: _TEXT - 1]}…"
    time = f"{letter.rejected_at:%Y-%m-%d %H:%M:%S}"
    return letter.id, letter.casino_id, letter.topic, letter.reason, short, time, letter.replays, letter.state


def _describe(sums: Counter[str]) -> str:
    return ", ".join(f"{count} {result}" for result, count in sums.most_common()) or "none"


_VERBS = registry([ListDeadLetters(), ShowDeadLetter(), ReplayDeadLetters(), PurgeDeadLetters(), ImportDeadLetters()])


class Command(KafkaVerbCommand):
    help = "List, show, replay and purge dead letters: rejected messages."
    verbs = _VERBS
