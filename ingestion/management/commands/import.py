"""`manage.py import events|users|coupons|odds FILE`: stores the messages of a file."""

import os
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from ingestion.errors import IngestionError, UploadChanged, UploadInProgress, UploadReadDifferently
from ingestion.files.importing import FileImport
from ingestion.files.mapped import file_mapping
from ingestion.files.reading import FileReading, read_by_mapping, read_plain
from ingestion.files.rejections import RejectionReport
from ingestion.files.source import STDIN, FileFormat, digest_of, find_format, format_of, open_source
from ingestion.topics import COUPONS, EVENTS, ODDS, TOPICS, USERS, Topic
from tenants.management.cli.arguments import ready_casino
from tenants.management.cli.progress import ProgressBar
from tenants.models import Casino
from tenants.numbers import as_id, counted


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = (
        "Store the messages of a CSV, JSON or NDJSON file, also compressed with gzip, in a casino's database, like "
        "Kafka's messages. A second import of the same file continues the first one, and stores no message twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("topic", choices=[topic.name for topic in (EVENTS, USERS, COUPONS, ODDS)])
        parser.add_argument("file", metavar="FILE", help="the file; - for standard input")
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        parser.add_argument("--format", choices=[*FileFormat], help="format of the file (default: by its name)")
        parser.add_argument(
            "--delimiter",
            type=_as_delimiter,
            default=",",
            metavar="CHARACTER",
            help="delimiter of a CSV file, or tab (%(default)s)",
        )
        parser.add_argument(
            "--mapping",
            metavar="MAPPING",
            help="mapping of a feed's documents: a file, a name in `mapping list`, or own (in the casino's options)",
        )
        parser.add_argument("--dry-run", action="store_true", help="validate the messages, and store none")
        parser.add_argument(
            "--again",
            action="store_true",
            help="import from the beginning; messages without a timestamp keep the time of the first import",
        )
        parser.add_argument(
            "--rejections",
            type=Path,
            metavar="FILE",
            help="report of rejected messages (default: FILE.rejected.ndjson in the current folder)",
        )

    def handle(self, *args: Any, file: str, casino: int, **options: Any) -> None:
        chosen = ready_casino(casino)
        try:
            with open_source(file) as source:
                self._import(chosen, source, "stdin" if file == STDIN else file, options)
        except IngestionError as error:
            raise CommandError(str(error)) from error

    def _import(self, casino: Casino, source: IO[bytes], name: str, options: dict[str, Any]) -> None:
        topic = TOPICS[options["topic"]]
        digest = digest_of(source)
        reading = _reading(casino, topic, source, name, options)
        run = FileImport(casino, topic, digest, reading, from_beginning=options["again"])
        path = options["rejections"] or Path(f"{Path(name).name}.rejected.ndjson")
        with RejectionReport(path, is_continued=run.is_continued and not options["dry_run"]) as report:
            steps = (run.check if options["dry_run"] else run.store)(report)
            try:
                self._show(run, steps, source, topic.name)
                self.stdout.write(_summary(run, path))
            finally:
                for remark in filter(None, (str(run.withheld), str(reading.left_out))):
                    self.stdout.write(remark)

    def _show(self, run: FileImport, steps: Iterator[None], source: IO[bytes], doing: str) -> None:
        """Run the steps with a progress bar. Raises CommandError if the import ends early."""
        size = os.fstat(source.fileno()).st_size
        try:
            with ProgressBar(doing, size, self.stderr, is_bytes=True) as bar:
                for _ in steps:
                    bar.advance_to(source.tell())
        except (UploadInProgress, UploadReadDifferently, UploadChanged) as error:
            raise CommandError(_ended(run, "another process imports the same file")) from error
        except (IngestionError, Error, OSError) as error:
            raise CommandError(_ended(run, str(error))) from error


def _reading(casino: Casino, topic: Topic, source: IO[bytes], name: str, options: dict[str, Any]) -> FileReading:
    """The reading of the file by the command's options. Raises UnreadableFile."""
    given = options["mapping"]
    if given is None:
        file_format = FileFormat(options["format"] or format_of(name))
        return read_plain(source, file_format, topic, options["delimiter"])
    is_by_line = (options["format"] or find_format(name)) == FileFormat.NDJSON
    return read_by_mapping(source, file_mapping(given, casino, topic), is_by_line=is_by_line)


def _as_delimiter(text: str) -> str:
    character = "\t" if text == "tab" else text
    if len(character) != 1 or character in '"\r\n':
        raise ArgumentTypeError(f"{text!r} is not a delimiter: use one character, or tab")
    return character


def _ended(run: FileImport, reason: str) -> str:
    if run.last_place is None:
        return f"No message was imported: {reason}."
    return f"The import ended after {run.last_place}: {reason}. Run it again to continue. {_counted(run)}"


def _summary(run: FileImport, path: Path) -> str:
    report = f" The rejected ones are in {path}." if run.rejected else ""
    return f"{_counted(run)}{report}"


def _counted(run: FileImport) -> str:
    counts = [f"{count:,} {outcome}" for outcome, count in run.counts.most_common()]
    total = run.counts.total()
    return f"{counted(total, 'message')}: {', '.join(counts)}." if counts else "The file has no new messages."
