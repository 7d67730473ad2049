"""`manage.py mapping <verb>`: tries mappings out, lets casinos use them, and shows those of this release."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from ingestion.catalogue import stored_odd_format
from ingestion.errors import IngestionError
from ingestion.files.source import FileFormat, find_format, open_source, unpacked
from ingestion.mappings.errors import NoSuchMapping
from ingestion.mappings.format import Mapping
from ingestion.mappings.options import use_mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.preview import ACCEPTED, PARTIAL, REMOVES, PreviewedMessage, preview
from ingestion.mappings.shipped import shipped_mapping, shipped_names, shipped_text
from ingestion.mappings.status_words import stored_words
from ingestion.mappings.tree import Node, as_json, read_yaml
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.envelope import FilePlace
from ingestion.topics import TOPICS
from recommendations.errors import InvalidConfiguration
from recommendations.validation.status_words import NO_WORDS
from tenants.management.cli.arguments import ready_casino
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbCommand, VerbResult, columns, registry
from tenants.numbers import as_id, counted

_SHOWN = 20
_MAPPING = "a file, or the name of a mapping of this release"
_GOOD = frozenset({ACCEPTED, PARTIAL, REMOVES})


class ListMappings(Verb):
    name = "list"
    help = "List the mappings of this release."

    def run(self, terminal: Terminal, *args: Any, **options: Any) -> VerbResult:
        mappings = [shipped_mapping(name) for name in shipped_names()]
        rows = [(each.name, each.messages, each.source.kind, each.about) for each in mappings]
        names = ("name", "messages", "source", "about")
        return VerbResult(columns([names, *rows]), [dict(zip(names, row, strict=True)) for row in rows])


class ShowMapping(Verb):
    name = "show"
    help = "Print the file of a mapping of this release: a beginning for your own."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="as shown by `list`")

    def run(self, terminal: Terminal, *args: Any, name: str, **options: Any) -> VerbResult:
        text = shipped_text(name)
        return VerbResult(text.rstrip(), {"name": name, "text": text})


class TryMapping(Verb):
    name = "try"
    help = "Show the messages that a mapping makes of a sample, and the results of their validation. Nothing is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mapping", metavar="MAPPING", help=_MAPPING)
        parser.add_argument("sample", type=Path, metavar="SAMPLE", help="a document, or its .gz; of *.ndjson each line")
        parser.add_argument("--casino", type=as_id, metavar="ID", help="with this casino's odd_format and status_words")
        parser.add_argument("--key", metavar="KEY", help="the documents' Kafka key")
        parser.add_argument("--tombstone", action="store_true", help="a message with the key and without a value too")

    def run(
        self,
        terminal: Terminal,
        *args: Any,
        mapping: str,
        sample: Path,
        casino: int | None,
        key: str | None,
        tombstone: bool,
        **options: Any,
    ) -> VerbResult:
        found = _mapping(mapping)
        bounds, words, raw_key = TimeBounds.at(timezone.now()), NO_WORDS, None if key is None else key.encode()
        if casino is not None:
            chosen = ready_casino(casino)
            bounds = TimeBounds.at(timezone.now(), stored_odd_format(chosen.options))
            words, bounds.market_words = stored_words(TOPICS[found.messages], chosen.pk, chosen.options)
        messages = [
            message
            for place, document in _documents(sample, with_tombstone=tombstone)
            for message in preview(found, document, key=raw_key, bounds=bounds, own_words=words, first=place)
        ]
        rejected = sum(message.result not in _GOOD for message in messages)
        problem = f"Rejected: {rejected} of {counted(len(messages), 'message')}." if rejected else ""
        return VerbResult(_described(messages), messages, problem)


class UseMapping(Verb):
    name = "use"
    help = "Read a casino's Kafka messages by a mapping, from the consumer's next batch on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mapping", metavar="MAPPING", help=_MAPPING)
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")

    def run(self, terminal: Terminal, *args: Any, mapping: str, casino: int, **options: Any) -> VerbResult:
        chosen, found = ready_casino(casino), _mapping(mapping)
        option = as_json(_tree(Path(mapping))) if Path(mapping).is_file() else found.name
        use_mapping(chosen.pk, found.messages, option, now=timezone.now())
        text = f"The {found.messages} of {chosen} are read by {found.name}, from the consumer's next batch on."
        return VerbResult(text, {"casino_id": chosen.pk, "mapping": {found.messages: option}})


def _mapping(given: str) -> Mapping:
    path = Path(given)
    if not path.is_file():
        try:
            return shipped_mapping(given)
        except NoSuchMapping as error:
            raise CommandError(f"{given} is no file, and {error}") from error
    return parse_mapping(_tree(path), path.stem)


def _tree(path: Path) -> Node:
    return read_yaml(path.read_text(errors="replace"), path.name)


def _documents(sample: Path, *, with_tombstone: bool) -> Iterator[tuple[FilePlace, bytes | None]]:
    """The documents, each with the place of its first message."""
    with open_source(str(sample)) as source:
        raw = unpacked(source).read()
    if find_format(sample.name) == FileFormat.NDJSON:
        lines = enumerate(raw.split(b"\n"), start=1)
        yield from ((FilePlace(line=number), line) for number, line in lines if line.strip())
    else:
        yield FilePlace(message=1), raw
    if with_tombstone:
        yield FilePlace(message=1), None


def _described(messages: list[PreviewedMessage]) -> str:
    parts = [f"{message.place}: {_describe_message(message)}" for message in messages[:_SHOWN]]
    if len(messages) > _SHOWN:
        parts.append(f".. and {len(messages) - _SHOWN} more; --json shows all")
    results = Counter(message.result for message in messages)
    sums = ", ".join(f"{count} {result}" for result, count in results.most_common()) or "none"
    return "\n".join([*parts, f"Total {len(messages)}: {sums}"])


def _describe_message(message: PreviewedMessage) -> str:
    fields = {name: value for name, value in message.fields.items() if name != "markets"}
    rows = [(f"  {name}", value if isinstance(value, str) else _json(value)) for name, value in fields.items()]
    rows += [("  market", market) for market in message.markets]
    rows += [("  unreadable", problem) for problem in message.unreadable.values()]
    rows += [("  left out", ", ".join(message.left_out))] if message.left_out else []
    if message.restricts:
        rows.append(("  stored anyway", ", ".join(f"{name} {value}" for name, value in message.restricts.items())))
    head = message.result + (f": {message.detail}" if message.detail else "")
    return "\n".join([head, columns(rows)]) if rows else head


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Command(VerbCommand):
    help = "Try a mapping on a sample, let a casino use it; list and show the mappings of this release."
    requires_system_checks = []
    verbs = registry([TryMapping(), UseMapping(), ListMappings(), ShowMapping()])

    def _run(self, verb: Verb, options: dict[str, Any]) -> VerbResult:
        try:
            return super()._run(verb, options)
        except (IngestionError, InvalidConfiguration) as error:
            raise CommandError(str(error)) from error
