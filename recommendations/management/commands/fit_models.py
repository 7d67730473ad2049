"""`manage.py fit_models`: fit each casino's models to its own history."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

import msgspec
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.evaluation.shared_weights import Weights, mean_of_others, weights_by_casino
from recommendations.evaluation.training import FitResult, fit_models
from recommendations.fitted_models.store import EMPTY_VERSION
from recommendations.models import FittedModel
from recommendations.serving.options import DEFAULTS, load_options
from tenants.errors import WorkersFailed
from tenants.management.cli.arguments import add_jobs_argument, jobs_for, ready_casinos
from tenants.management.cli.progress import ProgressBar
from tenants.management.cli.verbs import INTERRUPTED
from tenants.models import Casino
from tenants.numbers import as_decimal, as_id
from tenants.routing.context import use_casino
from tenants.workers.task import Notify, describe_error
from tenants.workers.worker_pool import workers

logger = logging.getLogger(__name__)

ReadShared = Callable[[], Mapping[int, Weights]]  # reads the weights of all casinos once per process

_RECENT = "skipped: fitted within the hours of --older-than"


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = (
        "Fit the models of recommenders. A new version is active from the next request on, without a restart, unless "
        "the active version of hybrid scores higher. After an interruption, --older-than 6 continues with the casinos "
        "that were not fitted within the last six hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--casino", type=as_id, action="append", metavar="ID", help="this casino (repeatable)")
        which.add_argument("--all", action="store_true", help="every casino that has a complete database")
        parser.add_argument(
            "--older-than",
            type=as_decimal,
            default=0.0,
            metavar="HOURS",
            help="only casinos not fitted within this time",
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
            raise CommandError("Interrupted. Continue with --older-than.", returncode=INTERRUPTED) from error
        if failed:
            raise CommandError(f"Not fitted: {', '.join(map(str, failed))}. See the errors above.")

    def _fit(self, names: dict[int, str], older_than: float, jobs: int) -> list[int]:
        """Fit all casinos, even if some fail. Returns the failed ones."""
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
    """Yield (casino id, result, error) for each casino, in the order of completion."""
    if jobs > 1:
        with workers(partial(fitting, older_than), jobs=jobs, on_message=lambda _: None) as fit:
            yield from ((done.task, done.result or "", done.error) for done in fit(casino_ids))
        return
    shared = cache(weights_by_casino)
    for casino_id in casino_ids:
        yield casino_id, *_attempt(casino_id, older_than, shared)


def _attempt(casino_id: int, older_than: float, shared: ReadShared) -> tuple[str, str]:
    try:
        return _fit_one(casino_id, older_than, shared), ""
    except Exception as error:  # one casino's rows may be damaged in any way; the other casinos must be fitted
        logger.exception("Fitting the models of casino %d failed", casino_id)
        return "", describe_error(error)


@contextmanager
def fitting(older_than: float, notify: Notify) -> Iterator[Callable[[int], str]]:
    """A worker process's task: it fits one casino, and returns the result as text."""
    shared = cache(weights_by_casino)
    yield lambda casino_id: _fit_one(casino_id, older_than, shared)


def _fit_one(casino_id: int, older_than: float, shared: ReadShared) -> str:
    casino, now = Casino.objects.get(pk=casino_id), timezone.now()
    with use_casino(casino.current):
        if older_than and _is_fitted_since(now - timedelta(hours=older_than)):
            return _RECENT
    # a replay of hybrid needs no fallbacks; those that are stored may be of an earlier release
    options = msgspec.structs.replace(load_options(casino.options), fallbacks=DEFAULTS.fallbacks)
    mean = mean_of_others(shared(), casino_id) if options.share_weights else None
    with use_casino(casino.current):
        return _describe(fit_models(now, casino_id, options, mean))


def _is_fitted_since(since: datetime) -> bool:
    return FittedModel.objects.exclude(recommender=EMPTY_VERSION).filter(fitted_at__gt=since).exists()


def _describe(result: FitResult | None) -> str:
    if result is None:
        return "too little data to fit a model"
    inactive = "" if result.is_active else ", saved, not activated: the active version scores higher"
    sentences = (f"version {result.version}{inactive}", result.start, result.explanation)
    return ". ".join(each.rstrip(".") for each in sentences if each) + "."
