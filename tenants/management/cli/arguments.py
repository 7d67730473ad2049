"""How commands are told which casinos they are for, and how many processes they may use."""

import getpass
import os
from argparse import ArgumentTypeError
from collections.abc import Iterable

from django.core.management.base import CommandError, CommandParser

from tenants.models import Casino
from tenants.models.casino import CatalogueQuerySet

_MOST_JOBS = 4  # by default: the databases' server works as much as the processes do
_WORTH_PROCESSES = 20  # casinos; a process takes about a second to start


def add_jobs_argument(parser: CommandParser) -> None:
    parser.add_argument(
        "--jobs",
        type=whole_number,
        metavar="N",
        help=f"processes (default: one a processor, at most {_MOST_JOBS}; 1 for fewer than {_WORTH_PROCESSES} casinos)",
    )


def jobs_for(count: int, jobs: int | None) -> int:
    """How many processes to use for so many casinos."""
    if jobs is not None:
        return max(1, min(jobs, count))
    return 1 if count < _WORTH_PROCESSES else min(_MOST_JOBS, os.cpu_count() or 1)


def whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def ready_casino(casino_id: int) -> Casino:
    """The casino with this id. Raises CommandError unless it has a complete database."""
    return ready_casinos([casino_id]).get()


def ready_casinos(ids: Iterable[int]) -> CatalogueQuerySet:
    """The casinos with these ids. Raises CommandError unless all have a complete database."""
    wanted = set(ids)
    casinos = Casino.objects.ready().filter(pk__in=wanted)
    if missing := sorted(wanted - set(casinos.values_list("pk", flat=True))):
        raise CommandError(
            f"No casino with a complete database has the id {', '.join(map(str, missing))}; "
            "`manage.py casino list` shows those there are."
        )
    return casinos


def who_runs_this() -> str:
    """The account that runs the command, for a log."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # an account without a name, as in a container
        return "command line"
