"""`casino limit`: a casino's rate and size limits."""

from argparse import SUPPRESS, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from tenants.access.limits import limits_of
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult
from tenants.numbers import parse_whole_number
from tenants.ttl_cache import wait_until_caches_expire

from .casino_arguments import add_casino, find_casino


class LimitCasino(Verb):
    name = "limit"
    help = "Set and show a casino's own limits; when the command ends, every process applies them."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        for name, unit in (("rate", "requests a second"), ("bytes", "bytes of one request")):
            parser.add_argument(
                f"--{name}",
                dest=f"request_{name}",
                type=_limit,
                default=SUPPRESS,
                metavar="N",
                help=f"{unit}; 0: no limit, `default`: the setting",
            )

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        changes = {name: options[name] for name in ("request_rate", "request_bytes") if name in options}
        if changes:
            for name, value in changes.items():
                setattr(casino, name, value)
            casino.save(update_fields=list(changes))
            wait_until_caches_expire()
        rate, size = (limit or "unlimited" for limit in limits_of(casino))
        document = {"id": casino.pk, "request_rate": casino.request_rate, "request_bytes": casino.request_bytes}
        requests = "request" if rate == 1 else "requests"
        return VerbResult(f"{casino}: {rate} {requests} a second, {size} bytes per request.", document)


def _limit(text: str) -> int | None:
    if text == "default":
        return None
    number = parse_whole_number(text, 0, 999_999_999)
    if number is None:
        raise ArgumentTypeError(f"is {text!r}; must be a number up to 999999999, or `default`")
    return number
