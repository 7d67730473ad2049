"""Brings every casino's database, and the templates for new ones, up to the code's migrations; each run is recorded, so
that it can be continued."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from tenants.databases.locks import CasinoLocks, template_lock
from tenants.databases.servers import server_cursor
from tenants.errors import UnknownServer, WrongState
from tenants.models import Casino, CasinoMigration, DatabaseServer, MigrationOutcome, MigrationRun, ServerState
from tenants.models.casino import READY_STATES, CatalogueQuerySet
from tenants.workers.task import Notify, TaskResult, describe_error
from tenants.workers.worker_pool import RunTasks, workers

from .migrate import bring_up_to_date
from .template import ensure_template
from .version import code_version, versions_not_behind

logger = logging.getLogger(__name__)

_BATCH = 1_000  # rows
MigratedCasino = TaskResult[int, list[str]]  # of a casino's id; the result is the migrations applied


@dataclass(frozen=True, slots=True)
class ServerTrouble:
    """A server whose template could not be brought up to date. One that can't be reached fails its casinos too."""

    server: str
    error: str
    is_reachable: bool


def behind(casinos: CatalogueQuerySet) -> CatalogueQuerySet:
    """Those whose database lacks a migration, as the catalogue knows without asking them."""
    return casinos.exclude(schema_version__in=versions_not_behind())


def prepare_servers() -> list[ServerTrouble]:
    """Bring the template of every server that takes or has casinos up to date, and answer where that failed."""
    has_casinos = Exists(Casino.objects.ready().filter(server=OuterRef("pk")))
    servers = DatabaseServer.objects.filter(Q(state=ServerState.OPEN) | has_casinos).order_by("name")
    return [trouble for server in servers if (trouble := _prepare(server.name))]


def _prepare(server: str) -> ServerTrouble | None:
    try:
        with server_cursor(server=server):
            pass
    except (OperationalError, UnknownServer) as error:
        return ServerTrouble(server, describe_error(error), is_reachable=False)
    try:
        with template_lock(server), server_cursor(server=server) as cursor:
            ensure_template(cursor, server)
    except Exception as error:  # a migration may raise anything, and the casinos must go on
        logger.exception("The template on %s could not be migrated", server)
        return ServerTrouble(server, describe_error(error), is_reachable=True)
    return None


@transaction.atomic
def begin_run(casinos: CatalogueQuerySet) -> MigrationRun | None:
    """A new run for those of these casinos that are behind; None if none is."""
    ids = list(behind(casinos).order_by("pk").values_list("pk", flat=True))
    if not ids:
        return None
    run = MigrationRun.objects.create(target=code_version(), up_to_date=casinos.count() - len(ids))
    rows = (CasinoMigration(run=run, casino_id=casino_id) for casino_id in ids)
    CasinoMigration.objects.bulk_create(rows, batch_size=_BATCH)
    return run


def last_run() -> MigrationRun | None:
    return MigrationRun.objects.order_by("-pk").first()


def unfinished_run() -> MigrationRun | None:
    """The last run that was interrupted, or stopped at a failure."""
    return MigrationRun.objects.filter(finished_at=None).order_by("-pk").first()


def failed_in(run: MigrationRun) -> CatalogueQuerySet:
    return Casino.objects.ready().filter(migrations__run=run, migrations__outcome=MigrationOutcome.FAILED)


def pending_in(run: MigrationRun) -> CatalogueQuerySet:
    return Casino.objects.ready().filter(migrations__run=run, migrations__outcome=MigrationOutcome.PENDING)


def work_off(
    run: MigrationRun,
    casinos: CatalogueQuerySet,
    troubles: Iterable[ServerTrouble] = (),
    *,
    jobs: int = 1,
    canary: int = 0,
    fail_fast: bool = False,
) -> Iterator[MigratedCasino]:
    """Migrate these casinos, all of them pending in the run; a failure of one stops no other.

    Except: unless the first `canary` succeed, and with `fail_fast` after any failure, no more are begun. They stay
    pending, and the run unfinished. Raises WorkersFailed.
    """
    MigrationRun.objects.filter(pk=run.pk).update(target=code_version())  # an older release may have begun it
    yield from _fail_unreachable(run, casinos, troubles)
    ids = list(casinos.order_by("pk").values_list("pk", flat=True))
    with workers(partial(_migrating, run.pk), jobs=max(1, min(jobs, len(ids))), on_message=logger.info) as migrate:
        batches = [ids[:canary], ids[canary:]] if canary else [ids]
        yield from _in_turn(run, migrate, batches, fail_fast=fail_fast)
    if not pending_in(run).exists():
        MigrationRun.objects.filter(pk=run.pk).update(finished_at=timezone.now())


def _in_turn(
    run: MigrationRun, migrate: RunTasks[int, list[str]], batches: list[list[int]], *, fail_fast: bool
) -> Iterator[MigratedCasino]:
    """One batch only if all in that before it succeeded."""
    failed: list[int] = []
    for batch in batches:
        if failed:
            return
        for done in migrate(_unless(lambda: fail_fast and bool(failed), batch)):
            if done.error:
                failed.append(done.task)
                _record_failure(run, [done.task], done.error, done.seconds)
            yield done


def _unless(is_over: Callable[[], bool], ids: list[int]) -> Iterator[int]:
    for casino_id in ids:
        if is_over():
            return
        yield casino_id


def _fail_unreachable(
    run: MigrationRun, casinos: CatalogueQuerySet, troubles: Iterable[ServerTrouble]
) -> Iterator[MigratedCasino]:
    """Without trying: each would have to wait until the server does not answer."""
    for trouble in troubles:
        if not trouble.is_reachable:
            ids = list(casinos.filter(server=trouble.server).order_by("pk").values_list("pk", flat=True))
            _record_failure(run, ids, trouble.error, 0.0)
            yield from (TaskResult(casino_id, None, trouble.error, 0.0) for casino_id in ids)


def _record_failure(run: MigrationRun, ids: list[int], error: str, seconds: float) -> None:
    rows = run.casinos.filter(casino__in=ids, outcome=MigrationOutcome.PENDING)
    rows.update(outcome=MigrationOutcome.FAILED, error=error, seconds=seconds)


@contextmanager
def _migrating(run_id: int, notify: Notify) -> Iterator[Callable[[int], list[str]]]:
    """What a worker does to a casino."""
    with closing(CasinoLocks()) as locks:
        yield lambda casino_id: _migrate(run_id, casino_id, locks)


def _migrate(run_id: int, casino_id: int, locks: CasinoLocks) -> list[str]:
    started = time.perf_counter()
    with locks.hold(casino_id):
        casino = Casino.objects.get(pk=casino_id)  # as it is now: it may have moved, or have been deleted
        if casino.state not in READY_STATES:
            raise WrongState(f"{casino} is {casino.state} by now.")
        migrated = bring_up_to_date(casino.current)
        with transaction.atomic():
            Casino.objects.filter(pk=casino_id).update(schema_version=migrated.version)
            CasinoMigration.objects.filter(run=run_id, casino=casino_id, outcome=MigrationOutcome.PENDING).update(
                outcome=MigrationOutcome.MIGRATED, applied=migrated.applied, seconds=time.perf_counter() - started
            )
    return migrated.applied
