"""Looks at casinos' running experiments, between the batches of `consume_recommendations`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import Error
from django.utils import timezone

from ingestion import metrics
from ingestion.catalogue import catalogue_required
from ingestion.errors import AllDatabasesUnavailable
from ingestion.storing.casino_store import CasinoStore
from ingestion.storing.database_errors import DatabaseErrorKind, classify, first_line, is_out_of_time
from recommendations.experiments.looking import (
    EVERY,
    experiments_to_look_at,
    find_broken,
    is_due,
    stop_by_guard,
    take_look,
)
from tenants.errors import TenancyError
from tenants.models import Casino, Experiment

from .base import MaintenanceTask

logger = logging.getLogger(__name__)

_TOO_SLOW = (
    "The look at %s takes longer than INGESTION_TRANSACTION_SECONDS: it is postponed, and no guard was evaluated. "
    "Run this every hour, by cron: manage.py experiment look %s --casino %s"
)


class ExperimentLooks(MaintenanceTask):
    """Takes a look an hour at each running experiment, and stops an experiment whose guard is broken."""

    interval_seconds = EVERY.total_seconds()
    casinos_per_step = 1  # a look at a large casino takes seconds

    def __init__(self, store: CasinoStore) -> None:
        super().__init__(store)
        self._tried: set[int] = set()  # ids; a look that stores nothing or takes too long is not repeated in this round

    def casinos(self) -> list[Casino]:
        """The casinos with experiments. The task does not even connect to the other casinos' databases."""
        self._tried.clear()
        casino_ids = experiments_to_look_at(timezone.now()).values("casino")
        return list(Casino.objects.ready().filter(pk__in=casino_ids).order_by("-pk"))

    def run(self, now: datetime) -> bool:
        try:
            with catalogue_required():
                experiments = list(experiments_to_look_at(now).filter(casino=self.casino).select_related("casino"))
            due = [each for each in experiments if each.pk not in self._tried and is_due(each, now)]
            if due and not self._look(due[0], now):
                return False  # the casino's next experiment follows
            for each in experiments:
                with self._isolating_errors(each):
                    _stop_if_broken(each, now)
        except AllDatabasesUnavailable:
            self.due.append(self.casino)  # guards must be evaluated in this round
            raise
        return len(due) <= 1

    def _look(self, experiment: Experiment, now: datetime) -> bool:
        """Take a look. Returns False if there was none: it took too long, failed, or another process is taking it. The
        casino's other experiments have their own time."""
        is_taken = False
        try:
            with self._isolating_errors(experiment):
                is_taken = take_look(experiment, now)
        except Error as error:
            if not is_out_of_time(error):
                raise
            self.failures.append(f"{experiment}: {first_line(error)}")
            logger.warning(_TOO_SLOW, experiment, experiment.name, experiment.casino_id)
        self._tried.add(experiment.pk)
        return is_taken

    @contextmanager
    def _isolating_errors(self, experiment: Experiment) -> Iterator[None]:
        """Log an error of the block, such as a definition that this release can't load, so that the casino's other
        experiments continue. Re-raises outages and the end of the casino's time."""
        try:
            yield
        except Exception as error:
            if _is_outage(error):
                raise
            failure = f"{experiment}: {type(error).__name__}: {first_line(error)}"
            if failure not in self.failures:  # logged once a round
                self.failures.append(failure)
                logger.exception(
                    "The look at %s, or the check of its guards, failed; the casino's other experiments continue",
                    experiment,
                )


def _is_outage(error: Exception) -> bool:
    if isinstance(error, Error):
        return classify(error) is DatabaseErrorKind.OUTAGE
    return isinstance(error, AllDatabasesUnavailable | TenancyError)


def _stop_if_broken(experiment: Experiment, now: datetime) -> None:
    words = find_broken(experiment, now)
    if not words:
        return
    with catalogue_required():
        is_stopped = stop_by_guard(experiment, words, now)
    if is_stopped:
        metrics.EXPERIMENTS_STOPPED.labels("guard").inc()
