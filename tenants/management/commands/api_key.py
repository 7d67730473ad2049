"""`manage.py api_key <verb>`: API keys of casinos."""

from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from tenants.access.api_keys import IssuedKey, issue_key, revoke_key, rotate_key
from tenants.management.casino_verbs.casino_arguments import check_name, find_casino
from tenants.management.cli.arguments import operator_name
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbCommand, VerbResult, columns, registry
from tenants.models import ApiKey, CasinoState, Scope
from tenants.numbers import as_id, parse_whole_number

_HEAD = ("PREFIX", "CASINO", "NAME", "SCOPES", "STATE", "CREATED", "BY", "EXPIRES", "LAST USED")
_SHOWN_ONCE = "Copy it now: it is not stored and can't be shown again."


class CreateApiKey(Verb):
    name = "create"
    help = "Create a key for a casino, and show it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("casino_id", type=as_id, metavar="CASINO", help="the casino's id")
        parser.add_argument("name", type=str.strip, metavar="NAME", help="a name for the key")
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            choices=Scope.values,
            help=f"a scope; repeatable (default: {Scope.RECOMMEND})",
        )
        parser.add_argument("--days", type=_days, metavar="N", help="expires after N days (default: never)")

    def run(
        self,
        terminal: Terminal,
        *args: Any,
        casino_id: int,
        name: str,
        scopes: list[str] | None,
        days: timedelta | None,
        **options: Any,
    ) -> VerbResult:
        casino = find_casino(casino_id)
        if casino.state in (CasinoState.DELETING, CasinoState.DELETED):
            raise CommandError(f"{casino} is {casino.state}; it can have no keys.")
        check_name(name)
        expires_at = timezone.now() + days if days is not None else None
        granted = set(scopes or [Scope.RECOMMEND])
        return _shown(issue_key(casino, name=name, scopes=granted, by=operator_name(), expires_at=expires_at))


class ListApiKeys(Verb):
    name = "list"
    help = "List the keys that are not revoked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", dest="casino_id", type=as_id, metavar="ID", help="only this casino's")
        parser.add_argument("--all", dest="has_revoked", action="store_true", help="revoked keys too")

    def run(
        self, terminal: Terminal, *args: Any, casino_id: int | None, has_revoked: bool, **options: Any
    ) -> VerbResult:
        keys = ApiKey.objects.order_by("casino_id", "id")
        if casino_id is not None:
            keys = keys.filter(casino=find_casino(casino_id))
        if not has_revoked:
            keys = keys.filter(revoked_at=None)
        found = list(keys)
        text = columns([_HEAD, *map(_row, found)]) if found else "No keys found."
        return VerbResult(text, [_document(key) for key in found])


class RotateApiKey(Verb):
    name = "rotate"
    help = "Replace a key by a new one with the same scopes, and show it once."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_prefix(parser)
        parser.add_argument(
            "--overlap-hours", dest="hours", type=_hours, default=timedelta(), metavar="N",
            help="revoke the old key after N hours (default: now)",
        )  # fmt: skip

    def run(self, terminal: Terminal, *args: Any, prefix: str, hours: timedelta, **options: Any) -> VerbResult:
        return _shown(rotate_key(_find(prefix), by=operator_name(), overlap=hours))


class RevokeApiKey(Verb):
    name = "revoke"
    help = "Revoke a key; when the command ends, every process refuses it."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_prefix(parser)

    def run(self, terminal: Terminal, *args: Any, prefix: str, **options: Any) -> VerbResult:
        key = _find(prefix)
        revoke_key(key)
        return VerbResult(f"Key {key} is revoked.", _document(key))


def _add_prefix(parser: CommandParser) -> None:
    parser.add_argument("prefix", metavar="PREFIX", help="the key's first 12 characters, as `list` shows them")


def _find(prefix: str) -> ApiKey:
    key = ApiKey.objects.filter(prefix=prefix).first()
    if key is None:
        # not quoted: the argument may be a whole key
        raise CommandError("No key has this prefix; see `manage.py api_key list --all`.")
    return key


def _days(text: str) -> timedelta:
    return _duration(text, timedelta(days=1))


def _hours(text: str) -> timedelta:
    return _duration(text, timedelta(hours=1))


def _duration(text: str, unit: timedelta) -> timedelta:
    number = parse_whole_number(text, 1, 99_999)
    if number is None:
        raise ArgumentTypeError(f"is {text!r}; must be a number from 1 to 99999")
    return number * unit


def _shown(issued: IssuedKey) -> VerbResult:
    row = issued.row
    text = f"{issued.text}\n\nKey {row} of casino {row.casino_id}, scopes: {', '.join(row.scopes)}. {_SHOWN_ONCE}"
    return VerbResult(text, {"key": issued.text, **_document(row)})


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "casino_id": key.casino_id,
        "name": key.name,
        "scopes": key.scopes,
        "state": key.state,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _row(key: ApiKey) -> tuple[object, ...]:
    return (
        key.prefix, key.casino_id, key.name, ",".join(key.scopes), key.state, _format_time(key.created_at),
        key.created_by, _format_time(key.expires_at), _format_time(key.last_used_at),
    )  # fmt: skip


def _format_time(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when else "-"


class Command(VerbCommand):
    help = "Create, list, rotate and revoke API keys. `manage.py api_key VERB --help` describes a verb."
    verbs = registry([CreateApiKey(), ListApiKeys(), RotateApiKey(), RevokeApiKey()])
