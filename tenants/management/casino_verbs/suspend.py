"""`casino suspend` and `casino resume`."""

from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.summaries import summarise
from tenants.lifecycle.suspend import resume_casino, suspend_casino
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Answer, Verb

from .arguments import add_casino, find_casino


class Suspend(Verb):
    name = "suspend"
    help = "Answer a casino's requests 423 until it is resumed; what comes by Kafka is still stored."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        parser.add_argument("--reason", default="", help="kept with the casino for whoever looks")

    def run(self, terminal: Terminal, *args: Any, casino_id: int, reason: str, **options: Any) -> Answer:
        casino = find_casino(casino_id)
        suspend_casino(casino, reason=reason)
        return Answer(f"{casino} is suspended.", summarise(casino))


class Resume(Verb):
    name = "resume"
    help = "Answer a suspended casino's requests again."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> Answer:
        casino = find_casino(casino_id)
        resume_casino(casino)
        return Answer(f"{casino} is active.", summarise(casino))
