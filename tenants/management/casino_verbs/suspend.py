"""`casino suspend` and `casino resume`."""

from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.summaries import summarise
from tenants.lifecycle.suspend import resume_casino, suspend_casino
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult

from .casino_arguments import add_casino, find_casino


class SuspendCasino(Verb):
    name = "suspend"
    help = "Answer a casino's requests with 423 until it is resumed; its Kafka messages are still stored."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        parser.add_argument("--reason", default="", help="shown by `casino list` and `casino show`")

    def run(self, terminal: Terminal, *args: Any, casino_id: int, reason: str, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        suspend_casino(casino, reason=reason)
        return VerbResult(f"{casino} is suspended.", summarise(casino))


class ResumeCasino(Verb):
    name = "resume"
    help = "Serve a suspended casino's requests again."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        resume_casino(casino)
        return VerbResult(f"{casino} is active.", summarise(casino))
