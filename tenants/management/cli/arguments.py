"""Command arguments: casinos and the number of processes."""

import getpass
import os
from collections.abc import Iterable

from django.core.management.base import CommandError, CommandParser

from tenants.models import Casino
from tenants.models.casino import CatalogueQuerySet
from tenants.numbers import as_positive

_MAX_JOBS = 4  # by default: more would wait for the database server
_WORTH_PROCESSES = 20  # casinos; a process takes about a second to start


def add_jobs_argument(parser: CommandParser) -> None:
    parser.add_argument(
        "--jobs",
        type=as_positive,
        metavar="N",
        help=f"processes (default: one a processor, at most {_MAX_JOBS}; 1 for fewer than {_WORTH_PROCESSES} casinos)",
    )


def jobs_for(count: int, jobs: int | None) -> int:
    """The number of processes to use for `count` casinos."""
    if jobs is not None:
        return max(1, min(jobs, count))
    return 1 if count < _WORTH_PROCESSES else min(_MAX_JOBS, os.cpu_count() or 1)


def ready_casino(casino_id: int) -> Casino:
    """The casino with this id. Raises CommandError unless it has a complete database."""
    return ready_casinos([casino_id]).get()


def ready_casinos(ids: Iterable[int]) -> CatalogueQuerySet:
    """The casinos with these ids. Raises CommandError unless all have a complete database."""
    requested = set(ids)
    casinos = Casino.objects.ready().filter(pk__in=requested)
    if missing := sorted(requested - set(casinos.values_list("pk", flat=True))):
        raise CommandError(
            f"No casino with a complete database has the id {', '.join(map(str, missing))}; "
            "see `manage.py casino list`."
        )
    return casinos


def operator_name() -> str:
    """The account that runs the command, for audit logs."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # an account without a name, as in a container
        return "command line"
