"""Processes of the code before experiments, attribution, impressions and consent serve and ingest beside those of now,
on databases that are migrated already."""

import json
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, RECOMMENDATIONS, USERS, Topic
from recommendations.attribution.job import attribute_step
from recommendations.experiments.lifecycle import create_experiment, start_experiment
from recommendations.models import Attribution, DueAttribution, PurchasedCoupon, ServedSlip, User
from recommendations.services import recommend_mapped
from recommendations.tests.experiments.definitions import ab
from recommendations.tests.factories import EventFactory, UserFactory, selection
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.schema.version import migrations_on_disk, record_version
from tenants.tests.waiting import wait_until

from .earlier_release import release_without
from .kafka_client import send
from .manage_processes import IN_PROCESSES
from .sample_messages import served, user

pytestmark = [pytest.mark.exhaustive, pytest.mark.no_cover, pytest.mark.django_db(**IN_PROCESSES)]

USER = 7
SCHEMA = {"recommender": {"type": "string", "source_field": "recommender"}}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    path = "recommendations/migrations/0047_placements_and_experiments_of_answers.py"
    return release_without(path, tmp_path_factory.mktemp("earlier"))


@pytest.fixture
def casinos(casino_a, casino_b):
    record_version(migrations_on_disk())  # as migrate_casinos does
    for casino in (casino_a, casino_b):
        Casino.objects.filter(pk=casino.pk).update(recommender_type="dynamic", recommendation_schema=SCHEMA)
        casino.refresh_from_db()
        with use_casino(casino.current):
            UserFactory.create(id=USER, timestamp=timezone.now() - timedelta(days=9))
            EventFactory.create(id=5, begin_timestamp=timezone.now() + timedelta(days=1))
    return casino_a, casino_b


def stored_when(casino: Casino, is_stored: Callable[[], bool], topic: Topic) -> None:
    def is_there() -> bool:
        with use_casino(casino.current):
            return is_stored()

    wait_until(is_there, else_say=f"{topic.name} were not stored")


def message_of_user(minutes: int, **changes: Any) -> dict[str, Any]:
    at = timezone.now() - timedelta(minutes=10 - minutes)
    return user(id=USER, timestamp=at.isoformat(), **changes)


def test_while_an_experiment_runs_an_earlier_server_answers_by_the_casinos_own_configuration(earlier, casinos):
    """First, since it compiles the earlier code: the consumers of the other test would do so all at once."""
    casino, _ = casinos
    with earlier.server() as port:
        assert by_http(port, casino)["recommender"] == "dynamic"
        create_experiment(casino=casino, definition=ab(), by="a test", now=timezone.now())
        start_experiment(casino=casino, name="trees", by="a test", now=timezone.now())
        assert by_http(port, casino)["recommender"] == "dynamic"
    casino.refresh_from_db()
    with use_casino(casino.current):
        [answer] = recommend_mapped(casino=casino, user_ids=[USER], now=timezone.now()).values()
    assert isinstance(answer, dict)
    assert answer["recommender"] in {"static", "soonest"}
    run = earlier.manage("migrate_casinos", "--dry-run")
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_the_earlier_consumers_store_is_attributed_and_keeps_consent_and_ends_of_restrictions(
    broker, earlier, casinos
):
    casino, other = casinos
    with use_casino(casino.current):
        User.objects.filter(pk=USER).update(personalisation=False)
        DueAttribution.objects.all().delete()
    bought = {
        "id": 2,
        "user_id": USER,
        "stake": 5,
        "timestamp": timezone.now().isoformat(),
        "recommended_events": [selection(event_id=5)],
    }
    sent = served(user_id=USER, timestamp=(timezone.now() - timedelta(hours=1)).isoformat())
    with earlier.consumer("users"), earlier.consumer("coupons"), earlier.consumer("recommendations"):
        send(USERS, [(casino.pk, message_of_user(1, status="TIME_OUT"))])
        stored_when(casino, lambda: User.objects.filter(status="TIME_OUT").exists(), USERS)
        send(USERS, [(casino.pk, message_of_user(2, status="ACTIVE"))])
        send(COUPONS, [(casino.pk, bought)])
        send(RECOMMENDATIONS, [(casino.pk, sent)])
        stored_when(casino, PurchasedCoupon.objects.exists, COUPONS)
        stored_when(casino, ServedSlip.objects.exists, RECOMMENDATIONS)
        stored_when(casino, lambda: User.objects.filter(status="ACTIVE").exists(), USERS)
    with use_casino(casino.current):
        while not (step := attribute_step(timezone.now(), timedelta(hours=24))) or not step.is_last:
            pass
        [found] = Attribution.objects.all()
        [stored] = User.objects.all()
        [slip] = ServedSlip.objects.all()
    assert (found.coupon_id, found.how) == (2, "event")
    assert stored.restricted_until is not None
    assert not stored.personalisation
    assert (slip.shown, slip.experiment, slip.placement, slip.refusal) == (True, "", "", "")
    with use_casino(other.current):
        assert not Attribution.objects.exists()
    assert stored_letters() == []


def by_http(port: int, casino: Casino) -> dict[str, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/recommend/{USER}", headers={"Casino-ID": str(casino.pk)})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
        return answer
