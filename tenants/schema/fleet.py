"""Migrates every casino's database, and the templates of new ones. Each run is recorded, so that it can be resumed."""

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

from .migrate import migrate_casino
from .template import ensure_template
from .version import code_version, versions_not_behind

logger = logging.getLogger(__name__)

_BATCH = 1_000  # rows
MigratedCasino = TaskResult[int, list[str]]  # task: casino id; result: applied migrations


@dataclass(frozen=True, slots=True)
class TemplateFailure:
    """A server whose template could not be migrated. The casinos of an unreachable server fail too."""

    server: str
    error: str
    is_reachable: bool


def behind(casinos: CatalogueQuerySet) -> CatalogueQuerySet:
    """Casinos whose database lacks a migration, by their versions in the catalogue."""
    return casinos.exclude(schema_version__in=versions_not_behind())


def prepare_servers() -> list[TemplateFailure]:
    """Migrate the template of every server that is open or has casinos, and return the failures."""
    has_casinos = Exists(Casino.objects.ready().filter(server=OuterRef("pk")))
    servers = DatabaseServer.objects.filter(Q(state=ServerState.OPEN) | has_casinos).order_by("name")
    return [failure for server in servers if (failure := _prepare(server.name))]


def _prepare(server: str) -> TemplateFailure | None:
    try:
        with server_cursor(server=server):
            pass
    except (OperationalError, UnknownServer) as error:
        return TemplateFailure(server, describe_error(error), is_reachable=False)
    try:
        with template_lock(server) as cursor:
            ensure_template(cursor, server)
    except Exception as error:  # a migration may raise any exception, and must not stop the casinos'
        logger.exception("Migrating the template on server %s failed", server)
        return TemplateFailure(server, describe_error(error), is_reachable=True)
    return None


@transaction.atomic
def begin_run(casinos: CatalogueQuerySet) -> MigrationRun | None:
    """Start a run for those of these casinos that are behind; None if there are none."""
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
    """The latest run that was interrupted, or stopped at a failure."""
    return MigrationRun.objects.filter(finished_at=None).order_by("-pk").first()


def failed_in(run: MigrationRun) -> CatalogueQuerySet:
    return Casino.objects.ready().filter(migrations__run=run, migrations__outcome=MigrationOutcome.FAILED)


def pending_in(run: MigrationRun) -> CatalogueQuerySet:
    return Casino.objects.ready().filter(migrations__run=run, migrations__outcome=MigrationOutcome.PENDING)


def migrate_all(
    run: MigrationRun,
    casinos: CatalogueQuerySet,
    failures: Iterable[TemplateFailure] = (),
    *,
    jobs: int = 1,
    canary: int = 0,
    fail_fast: bool = False,
) -> Iterator[MigratedCasino]:
    """Migrate these casinos, all pending in the run; a failure of one does not stop the others.

    If one of the first `canary` casinos fails, or with `fail_fast` any casino, no other is started: the rest stays
    pending, and the run unfinished. Raises WorkersFailed.
    """
    MigrationRun.objects.filter(pk=run.pk).update(target=code_version())  # an older release may have started it
    yield from _fail_unreachable(run, casinos, failures)
    ids = list(casinos.order_by("pk").values_list("pk", flat=True))
    with workers(partial(_migrating, run.pk), jobs=max(1, min(jobs, len(ids))), on_message=logger.info) as migrate:
        batches = [ids[:canary], ids[canary:]] if canary else [ids]
        yield from _migrate_batches(run, migrate, batches, fail_fast=fail_fast)
    if not pending_in(run).exists():
        MigrationRun.objects.filter(pk=run.pk).update(finished_at=timezone.now())


def _migrate_batches(
    run: MigrationRun, migrate: RunTasks[int, list[str]], batches: list[list[int]], *, fail_fast: bool
) -> Iterator[MigratedCasino]:
    """Start a batch only if all casinos of the previous one succeeded."""
    failed: list[int] = []
    for batch in batches:
        if failed:
            return
        for done in migrate(_ids_until(lambda: fail_fast and bool(failed), batch)):
            if done.error:
                failed.append(done.task)
                _record_failure(run, [done.task], done.error, done.seconds)
            yield done


def _ids_until(is_over: Callable[[], bool], ids: list[int]) -> Iterator[int]:
    for casino_id in ids:
        if is_over():
            return
        yield casino_id


def _fail_unreachable(
    run: MigrationRun, casinos: CatalogueQuerySet, failures: Iterable[TemplateFailure]
) -> Iterator[MigratedCasino]:
    """Record the casinos of unreachable servers as failed: each attempt would wait for the connection timeout."""
    for failure in failures:
        if not failure.is_reachable:
            ids = list(casinos.filter(server=failure.server).order_by("pk").values_list("pk", flat=True))
            _record_failure(run, ids, failure.error, 0.0)
            yield from (TaskResult(casino_id, None, failure.error, 0.0) for casino_id in ids)


def _record_failure(run: MigrationRun, ids: list[int], error: str, seconds: float) -> None:
    rows = run.casinos.filter(casino__in=ids, outcome=MigrationOutcome.PENDING)
    rows.update(outcome=MigrationOutcome.FAILED, error=error, seconds=seconds)


@contextmanager
def _migrating(run_id: int, notify: Notify) -> Iterator[Callable[[int], list[str]]]:
    """A worker's task: migrate a casino."""
    with closing(CasinoLocks()) as locks:
        yield lambda casino_id: _migrate(run_id, casino_id, locks)


def _migrate(run_id: int, casino_id: int, locks: CasinoLocks) -> list[str]:
    started = time.perf_counter()
    with locks.hold(casino_id):
        casino = Casino.objects.get(pk=casino_id)  # read again: the casino may have moved or been deleted
        if casino.state not in READY_STATES:
            raise WrongState(f"{casino} is {casino.state}: it has no complete database.")
        migrated = migrate_casino(casino.current)
        with transaction.atomic():
            Casino.objects.filter(pk=casino_id).update(schema_version=migrated.version)
            CasinoMigration.objects.filter(run=run_id, casino=casino_id, outcome=MigrationOutcome.PENDING).update(
                outcome=MigrationOutcome.MIGRATED, applied=migrated.applied, seconds=time.perf_counter() - started
            )
    return migrated.applied
