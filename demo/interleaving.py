"""The demo's experiment: in the last week, users got slips of two recommenders, and bet by their preferences.

It uses the code of any experiment: definition, served and announced slips, coupons, attribution. Only its times are in
the past.
"""

import random
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from ingestion.producers.publisher import publisher
from recommendations.attribution.job import attribute_step, sum_due_days
from recommendations.experiments.lifecycle import create_experiment, list_experiments, start_experiment, stop_experiment
from recommendations.experiments.report import VariantReport, report_on
from recommendations.experiments.statistics.verdict import VerdictCode
from recommendations.models import ServedSlip
from recommendations.services import recommend_mapped
from recommendations.serving.options import load_options
from recommendations.validation.rows import CouponRow
from tenants.models import Casino, Experiment, ExperimentState
from tenants.routing.context import use_casino

from .casino_messages import CasinoMessages
from .errors import DemoFailed
from .processes import Processes
from .steps import send_coupons, wait_until_stored
from .users_and_coupons import DemoFixtures, make_coupon

NAME = "popular-or-personal"
DAYS = 7
USERS = range(1, 101)  # half of the casino's: enough for a verdict
DEFINITION: dict[str, Any] = {
    "name": NAME,
    "kind": "interleave",
    "planned_days": DAYS,
    "variants": [
        {"name": "popular", "share": 0.5, "recommender_type": "trending"},
        {"name": "personal", "share": 0.5, "recommender_type": "profile"},
    ],
}
_OPERATOR = "the demo"
_BOUGHT_WITHIN = timedelta(hours=3)  # after the slip; attribution_hours is 24
_FLUSH_SECONDS = 60.0
_BUSY_SECONDS = 0.05  # wait while a consumer attributes


def run_interleaving(processes: Processes, casino: Casino, messages: CasinoMessages, now: datetime) -> VariantReport:
    """Run the experiment on the last week, unless an earlier demo did, and return its verdict."""
    experiment = begin(casino, now)
    with use_casino(casino.current):
        if experiment.state_at(now) is ExperimentState.RUNNING:
            serve(casino, experiment.starts_at or now)
            publisher.close(_FLUSH_SECONDS)
            wait_until_stored(processes)
            send_coupons(casino, coupons_of_slips(messages))
            wait_until_stored(processes)
            attribute(casino, now)
            experiment = stop_experiment(casino=casino, name=NAME, by=_OPERATOR, now=now)
        [verdict] = report_on(experiment, now).variants
    return verdict


def check_verdict(verdict: VariantReport) -> None:
    """Raises DemoFailed unless `personal` has won, whose events these users prefer."""
    if verdict.verdict != VerdictCode.BETTER:
        raise DemoFailed(f"the experiment {NAME} does not find {verdict.variant} better: {verdict.sentence}")


def begin(casino: Casino, now: datetime) -> Experiment:
    """Start the experiment, or return an earlier demo's, which is still running if that demo was interrupted."""
    begins = now - timedelta(days=DAYS)
    known = next((each for each in list_experiments(casino) if each.name == NAME), None)
    if known is not None and known.starts_at is not None:
        return known
    create_experiment(casino=casino, definition=DEFINITION, by=_OPERATOR, now=begins)
    return start_experiment(casino=casino, name=NAME, by=_OPERATOR, now=begins)


def serve(casino: Casino, begins: datetime) -> None:
    """Recommend to `USERS` on each day. Each recommendation is announced, as by the web server."""
    casino.refresh_from_db()
    for number in range(DAYS):
        recommend_mapped(casino=casino, user_ids=USERS, now=begins + timedelta(days=number))


def coupons_of_slips(messages: CasinoMessages) -> Iterator[CouponRow]:
    """A coupon for each slip. The user chooses by preference among the slip's events and others."""
    fixtures, events = DemoFixtures(messages.events), {event.id: event for event in messages.events}
    for number, slip in enumerate(_slips(), start=len(messages.coupons) + 1):
        rng = random.Random(f"coupon {number} of {NAME}")
        user, preference = messages.users[slip.user_id - 1], messages.preferences[slip.user_id - 1]
        bought = slip.timestamp + _BOUGHT_WITHIN * rng.random()
        shown = (events[each["event_id"]] for each in slip.events if each["event_id"] in events)
        offered = {event.id: event for event in (*shown, *fixtures.candidates(rng, preference, bought))}
        candidates = [event for event in offered.values() if event.begin_timestamp > bought]
        yield make_coupon(rng, number, user, preference, candidates, bought=bought)


def _slips() -> Iterable[ServedSlip]:
    """Each user's slip of each day. An interrupted demo may have served it twice."""
    slips = ServedSlip.objects.filter(experiment=NAME).order_by("timestamp", "user_id", "id")
    return {(slip.timestamp, slip.user_id): slip for slip in slips}.values()


def attribute(casino: Casino, now: datetime) -> None:
    """Attribute the bets now, as consume_recommendations does within seconds."""
    window = timedelta(hours=load_options(casino.options).attribution_hours)
    while (step := attribute_step(now, window)) is None or not step.is_last:
        if step is None:
            time.sleep(_BUSY_SECONDS)
    while not sum_due_days():
        time.sleep(_BUSY_SECONDS)
