"""`manage.py migrate_casinos`: migrates every casino's database."""

import time
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.errors import WorkersFailed
from tenants.management.cli.arguments import add_jobs_argument, jobs_for, ready_casinos
from tenants.management.cli.progress import ProgressBar
from tenants.management.cli.verbs import INTERRUPTED
from tenants.models import Casino, MigrationOutcome, MigrationRun
from tenants.models.casino import CatalogueQuerySet
from tenants.numbers import as_id, as_positive, counted
from tenants.schema import fleet
from tenants.schema.report import CasinoLacks, CasinoResult, RunReport, missing_migrations, report_of
from tenants.schema.verify import verifying
from tenants.workers.task import TaskResult
from tenants.workers.worker_pool import workers

_MAX_NAMED = 20  # casinos in one message
_RETRY = "retry them with `manage.py migrate_casinos --only-failed`"
_CONTINUE = "continue with `manage.py migrate_casinos --resume`"

Result = TypeVar("Result")


class CasinoProblem(msgspec.Struct, frozen=True):
    """A casino whose catalogue row was wrong, or could not be verified."""

    id: int
    name: str
    problem: str


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = "Migrate every server's template and every casino that is behind; a failure does not stop the others."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, action="append", metavar="ID", help="only this casino (repeatable)")
        add_jobs_argument(parser)
        parser.add_argument(
            "--canary", type=as_positive, default=0, metavar="N", help="start the others only if the first N succeed"
        )
        parser.add_argument("--fail-fast", action="store_true", help="start no more after a failure")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--resume", action="store_true", help="continue the last unfinished run")
        which.add_argument("--only-failed", action="store_true", help="only those that failed in the last run")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--dry-run", action="store_true", help="show each casino's missing migrations; change nothing"
        )
        what.add_argument("--verify", action="store_true", help="compare every database with the catalogue")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        casinos = Casino.objects.ready() if options["casino"] is None else ready_casinos(options["casino"])
        run = self._run_to_resume() if options["resume"] else None
        if run is not None:
            casinos = casinos.filter(pk__in=fleet.pending_in(run).values("pk"))
        elif options["only_failed"]:
            casinos = casinos.filter(pk__in=_failed_last().values("pk"))
        try:
            self._dispatch(run, casinos, options)
        except WorkersFailed as error:
            raise CommandError(f"{error} Then {_CONTINUE}.") from error
        except KeyboardInterrupt as error:
            raise CommandError(f"Interrupted; {_CONTINUE}.", returncode=INTERRUPTED) from error

    def _dispatch(self, run: MigrationRun | None, casinos: CatalogueQuerySet, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            self._list(casinos, as_json=options["json"])
        elif options["verify"]:
            self._verify(casinos, options["jobs"], as_json=options["json"])
        else:
            self._migrate(run, casinos, options)

    def _run_to_resume(self) -> MigrationRun:
        run = fleet.unfinished_run()
        if run is None:
            raise CommandError("No run is unfinished; omit --resume to start a new one.")
        return run

    # --- Migrating ---------------------------------------------------------------------------------------------------

    def _migrate(self, run: MigrationRun | None, casinos: CatalogueQuerySet, options: dict[str, Any]) -> None:
        started = time.perf_counter()
        chosen = casinos.count()
        failures = fleet.prepare_servers()
        run = run or fleet.begin_run(casinos)
        if run is not None:
            self._migrate_all(run, casinos, failures, options)
        seconds = time.perf_counter() - started
        report = report_of(run, up_to_date=chosen, seconds=seconds, failures=failures)
        self.stdout.write(_as_json(report) if options["json"] else _summary(report))
        if failure := _failure_text(report):
            raise CommandError(failure)

    def _migrate_all(
        self,
        run: MigrationRun,
        casinos: CatalogueQuerySet,
        failures: list[fleet.TemplateFailure],
        options: dict[str, Any],
    ) -> None:
        todo = casinos.filter(pk__in=fleet.pending_in(run).values("pk"))
        names = dict(todo.values_list("pk", "name"))
        results = fleet.migrate_all(
            run,
            todo,
            failures,
            jobs=jobs_for(len(names), options["jobs"]),
            canary=options["canary"],
            fail_fast=options["fail_fast"],
        )
        self._show_progress("Migrating", names, results)

    def _show_progress(
        self, label: str, names: dict[int, str], results: Iterable[TaskResult[int, Result]]
    ) -> list[CasinoProblem]:
        """Show the progress, and report each problem at once. Returns the problems."""
        wrong = []
        with ProgressBar(label, len(names), self.stderr) as bar:
            for done in results:
                bar.advance()
                if problem := done.error or (done.result if isinstance(done.result, str) else ""):
                    wrong.append(CasinoProblem(done.task, names[done.task], problem))
                    bar.write(f"{names[done.task]} (casino {done.task}): {problem}")
        return wrong

    # --- Checking ----------------------------------------------------------------------------------------------------

    def _list(self, casinos: CatalogueQuerySet, *, as_json: bool) -> None:
        lacking = missing_migrations(casinos)
        up_to_date = casinos.count() - len(lacking)
        if as_json:
            self.stdout.write(_as_json({"up_to_date": up_to_date, "behind": lacking}))
            return
        for casino in lacking:
            self.stdout.write(_missing_text(casino))
        self.stdout.write(f"{counted(len(lacking), 'casino')} behind, {up_to_date} up to date. Nothing was changed.")

    def _verify(self, casinos: CatalogueQuerySet, jobs: int | None, *, as_json: bool) -> None:
        names = dict(casinos.order_by("pk").values_list("pk", "name"))
        with workers(verifying, jobs=jobs_for(len(names), jobs), on_message=self.stderr.write) as verify:
            wrong = self._show_progress("Verifying", names, verify(names))
        if as_json:
            self.stdout.write(_as_json({"casinos": len(names), "wrong": wrong}))
        else:
            right = len(names) - len(wrong)
            self.stdout.write(f"The catalogue matched the databases of {right} of {counted(len(names), 'casino')}.")
        if wrong:
            raise CommandError(f"The catalogue did not match {_listed(each.id for each in wrong)}.")


def _failed_last() -> CatalogueQuerySet:
    run = fleet.last_run()
    return fleet.failed_in(run) if run is not None else Casino.objects.none()


def _summary(report: RunReport) -> str:
    done = report.with_outcome(MigrationOutcome.MIGRATED)
    if not report.casinos:
        return f"{counted(report.up_to_date, 'casino')} up to date."
    parts = f"{len(done)} migrated, {len(report.failed)} failed, {len(report.pending)} pending"
    return f"{parts}; {report.up_to_date} were up to date. {report.seconds:.1f} s{_durations(done)}."


def _durations(done: list[CasinoResult]) -> str:
    slowest = max(done, key=lambda casino: casino.seconds or 0, default=None)
    if slowest is None:
        return ""
    mean = sum(casino.seconds or 0 for casino in done) / len(done)
    return f" ({mean:.2f} s a casino, at most {slowest.seconds or 0:.2f} s: {slowest.name})"


def _failure_text(report: RunReport) -> str:
    """The reason for exit status 1; empty for status 0."""
    lines = [f"Server {failure.server}: {failure.error}" for failure in report.servers]
    if report.failed:
        failed = _listed(casino.id for casino in report.failed)
        lines.append(f"{len(report.failed)} of {counted(len(report.casinos), 'casino')} failed: {failed}; {_RETRY}.")
    if report.pending:
        lines.append(f"{counted(len(report.pending), 'casino')} pending; {_CONTINUE}.")
    return "\n".join(lines)


def _missing_text(casino: CasinoLacks) -> str:
    what = "its schema version is unknown" if casino.lacks is None else f"lacks {', '.join(casino.lacks)}"
    return f"{casino.name} (casino {casino.id}): {what}"


def _listed(ids: Iterable[int]) -> str:
    texts = [str(each) for each in ids]
    more = len(texts) - _MAX_NAMED
    return ", ".join(texts[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _as_json(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
