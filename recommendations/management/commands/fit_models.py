"""`manage.py fit_models`: fit the recommenders that learn, each casino's to its own history."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.models import FittedModel
from recommendations.training import FitResult, fit_models
from tenants.errors import WorkersFailed
from tenants.management.cli.arguments import add_jobs_argument, jobs_for, ready_casinos
from tenants.management.cli.progress import ProgressBar
from tenants.management.cli.verbs import INTERRUPTED
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.workers.task import Notify, describe_error
from tenants.workers.worker_pool import workers

logger = logging.getLogger(__name__)

_RECENT = "fitted lately"


class Command(BaseCommand):
    help = (
        "Fit the recommenders that learn. What was fitted is served from the next request on, without a restart, "
        "unless the hybrid that serves already does better. After an interruption, --older-than 6 goes on with those "
        "casinos that were not fitted within the last six hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--casino", type=int, action="append", metavar="ID", help="this casino (repeatable)")
        which.add_argument("--all", action="store_true", help="every casino that has a complete database")
        parser.add_argument(
            "--older-than", type=float, default=0.0, metavar="HOURS", help="only casinos last fitted so long ago"
        )
        add_jobs_argument(parser)

    def handle(
        self, *args: Any, casino: list[int] | None, older_than: float, jobs: int | None = None, **options: Any
    ) -> None:
        casinos = Casino.objects.ready() if casino is None else ready_casinos(casino)
        names = {each.pk: str(each) for each in casinos.order_by("pk")}
        try:
            failed = self._fit(names, older_than, jobs_for(len(names), jobs))
        except WorkersFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted; --older-than goes on.", returncode=INTERRUPTED) from error
        if failed:
            raise CommandError(f"Not fitted: {', '.join(map(str, failed))}.")

    def _fit(self, names: dict[int, str], older_than: float, jobs: int) -> list[int]:
        """Answers the casinos that failed, which stop no other."""
        failed = []
        with ProgressBar("Fitting", len(names), self.stderr) as bar:
            for casino_id, result, error in _fit_each(names, older_than, jobs):
                bar.advance()
                if error:
                    failed.append(casino_id)
                    bar.write(f"{names[casino_id]}: not fitted: {error}")
                else:
                    self.stdout.write(f"{names[casino_id]}: {result}")
        return sorted(failed)


def _fit_each(casino_ids: Iterable[int], older_than: float, jobs: int) -> Iterator[tuple[int, str, str]]:
    """(casino, how it went, why it failed) of each, as they are done."""
    if jobs > 1:
        with workers(partial(fitting, older_than), jobs=jobs, on_message=lambda _: None) as fit:
            yield from ((done.task, done.result or "", done.error) for done in fit(casino_ids))
        return
    for casino_id in casino_ids:
        yield casino_id, *_attempt(casino_id, older_than)


def _attempt(casino_id: int, older_than: float) -> tuple[str, str]:
    try:
        return _fit_one(casino_id, older_than), ""
    except Exception as error:  # one casino's rows may be damaged in any way, and the others must go on
        logger.exception("Casino %d could not be fitted", casino_id)
        return "", describe_error(error)


@contextmanager
def fitting(older_than: float, notify: Notify) -> Iterator[Callable[[int], str]]:
    """What a worker does for a casino; answers how it went, in words."""
    yield lambda casino_id: _fit_one(casino_id, older_than)


def _fit_one(casino_id: int, older_than: float) -> str:
    casino, now = Casino.objects.get(pk=casino_id), timezone.now()
    with use_casino(casino.current):
        since = now - timedelta(hours=older_than)
        if older_than and FittedModel.objects.filter(fitted_at__gt=since).exists():
            return _RECENT
        return _in_words(fit_models(now, casino_id))


def _in_words(outcome: FitResult | None) -> str:
    if outcome is None:
        return "too little to learn from"
    kept = "" if outcome.is_served else ", kept and not served: the one that serves does better"
    return f"version {outcome.version}{kept}. {outcome.words}".rstrip(". ") + "."
