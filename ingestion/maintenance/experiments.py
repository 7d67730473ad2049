"""Looks at casinos' running experiments, between the batches of `consume_recommendations`."""

import logging
from datetime import datetime

from django.db import Error
from django.utils import timezone

from ingestion import metrics
from ingestion.catalogue import catalogue_required
from ingestion.errors import AllDatabasesUnavailable
from ingestion.storing.database_errors import is_out_of_time
from recommendations.experiments.looking import (
    EVERY,
    experiments_to_look_at,
    find_broken,
    is_due,
    stop_by_guard,
    take_look,
)
from tenants.models import Casino, Experiment

from .base import MaintenanceTask

logger = logging.getLogger(__name__)


class ExperimentLooks(MaintenanceTask):
    """Makes a look an hour at each running experiment, and stops one whose guard is broken."""

    interval_seconds = EVERY.total_seconds()
    casinos_per_step = 1  # a look at a large casino takes seconds

    def casinos(self) -> list[Casino]:
        """Those with experiments: the others' databases are not even connected to."""
        wanted = experiments_to_look_at(timezone.now()).values("casino")
        return list(Casino.objects.ready().filter(pk__in=wanted).order_by("-pk"))

    def run(self, now: datetime) -> bool:
        try:
            with catalogue_required():
                experiments = list(experiments_to_look_at(now).filter(casino=self.casino).select_related("casino"))
            due = [each for each in experiments if is_due(each, now)]
            if due and not _look(due[0], now):
                return True  # another process is at it
            for each in experiments:
                _stop_if_broken(each, now)
        except AllDatabasesUnavailable:
            self.due.append(self.casino)  # a guard must not wait for the next round
            raise
        return len(due) <= 1


def _look(experiment: Experiment, now: datetime) -> bool:
    try:
        return take_look(experiment, now)
    except Error as error:
        if is_out_of_time(error):
            logger.warning(
                "A look at %s is postponed, and no guard of it evaluated, as it takes longer than "
                "INGESTION_TRANSACTION_SECONDS: have cron run this each hour: manage.py experiment look %s --casino %s",
                *(experiment, experiment.name, experiment.casino_id),
            )
        raise


def _stop_if_broken(experiment: Experiment, now: datetime) -> None:
    words = find_broken(experiment, now)
    if not words:
        return
    with catalogue_required():
        is_stopped = stop_by_guard(experiment, words, now)
    if is_stopped:
        metrics.EXPERIMENTS_STOPPED.labels("guard").inc()
