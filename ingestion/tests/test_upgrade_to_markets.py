"""Processes of the code before markets serve and ingest beside those of now, on databases that are migrated already."""

import json
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, EVENTS, ODDS, RECOMMENDATIONS, Topic
from recommendations.models import Event, Market, PurchasedCoupon, ServedSlip, UserProfile
from recommendations.serving.options import Options
from recommendations.storing.user_tallies import rebuild_users
from recommendations.tests.factories import TalliedCouponFactory, UserFactory, selection
from recommendations.tests.recommend import recommend
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.schema.version import migrations_on_disk, record_version
from tenants.tests.waiting import wait_until

from .closing_messages import Feed
from .earlier_release import release_without
from .kafka_client import send
from .manage_processes import IN_PROCESSES, database_environment, manage
from .sample_messages import served

pytestmark = [pytest.mark.exhaustive, pytest.mark.no_cover, pytest.mark.django_db(**IN_PROCESSES)]

SCHEMA = {
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {"id": {"type": "int", "source_field": "event_id"}, "odd": {"type": "float", "source_field": "odd"}},
    }
}
TOTALS = {
    "market": "TOTALS",
    "line": 2.5,
    "outcomes": [{"outcome": "OVER", "odd": 1.91}, {"outcome": "UNDER", "odd": None}],
}
BY_MARKETS_ALONE = 7
USER = 31


def event(number: int, **changes: Any) -> dict[str, Any]:
    begin = timezone.now() + timedelta(days=1)
    return {
        "id": number,
        "sport": "FOOTBALL",
        "league": "L",
        "country": "ENGLAND",
        "home_team": f"H{number}",
        "away_team": f"A{number}",
        "begin_timestamp": begin.isoformat(),
        "end_timestamp": (begin + timedelta(hours=2)).isoformat(),
        "timestamp": timezone.now().isoformat(),
        "odd": 2 + number / 100,
    } | changes


def coupon(number: int, **names: Any) -> dict[str, Any]:
    return {
        "id": number,
        "user_id": USER,
        "stake": 5,
        "timestamp": timezone.now().isoformat(),
        "recommended_events": [selection(home_team="PAST", away_team="GONE") | names],
    }


def odds(number: int, *markets: Any, **fields: Any) -> dict[str, Any]:
    return {"event_id": number, "producer": "LIVE", "markets": list(markets) or [TOTALS]} | fields


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return release_without("recommendations/migrations/0042_markets.py", tmp_path_factory.mktemp("earlier"))


@pytest.fixture
def casinos(casino_a, casino_b):
    """Both casinos, with one user whose tallies are in the newest format, and options for many events."""
    record_version(migrations_on_disk())  # as migrate_casinos does
    for casino in (casino_a, casino_b):
        Casino.objects.filter(pk=casino.pk).update(
            recommender_type="inference_score", recommendation_schema=SCHEMA, options={"event_limit": 20}
        )
        with use_casino(casino.current):
            UserFactory.create(id=USER)
            TalliedCouponFactory.create(user_id=USER, id=1)
            rebuild_users([USER])
            assert UserProfile.objects.get(user_id=USER).coupon_count == 1
    return casino_a, casino_b


def by_http(port: int, casino: Casino) -> dict[int, float]:
    """Event -> odd, of a response."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/recommend/{USER}", headers={"Casino-ID": str(casino.pk)})
    with urllib.request.urlopen(request, timeout=30) as response:
        return {each["id"]: each["odd"] for each in json.load(response)["events"]}


def current_odds(casino: Casino) -> dict[int, tuple[str, float]]:
    """Event -> outcome and odd, of a response of this code."""
    with use_casino(casino.current):
        slip = recommend(
            casino_id=casino.pk,
            recommender_type="inference_score",
            user_id=USER,
            now=timezone.now(),
            options=Options(event_limit=20),
        )
    return {each.event_id: (each.outcome, each.odd) for each in slip.recommended_events}


def stored_when(casino: Casino, is_stored: Callable[[], bool], topic: Topic) -> None:
    def is_there() -> bool:
        with use_casino(casino.current):
            return is_stored()

    wait_until(is_there, else_say=f"{topic.name} were not stored")


def test_the_earlier_code_takes_the_migrated_databases_for_up_to_date(earlier, casinos):
    """First, since it compiles the earlier code: the processes of the others would do so all at once."""
    run = earlier.manage("migrate_casinos", "--dry-run")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0042" not in run.stdout


def test_the_code_before_markets_ingests_into_the_migrated_databases(broker, earlier, casinos):
    casino, other = casinos
    with earlier.consumer("events"), earlier.consumer("coupons"), earlier.consumer("recommendations"):
        send(EVENTS, [(casino.pk, event(number)) for number in range(1, 7)])
        send(EVENTS, [(casino.pk, event(BY_MARKETS_ALONE, odd=None, producer="EARLY", markets=[TOTALS]))])
        send(COUPONS, [(casino.pk, coupon(2)), (casino.pk, coupon(3, market="TOTALS", line=2.5, outcome="OVER"))])
        named = {"event_id": 5, "odd": 1.91, "score": 0.5, "market": "TOTALS", "line": "2.5", "outcome": "OVER"}
        send(RECOMMENDATIONS, [(casino.pk, served(user_id=USER, events=[named]))])
        stored_when(casino, lambda: ServedSlip.objects.count() == 1, RECOMMENDATIONS)
        stored_when(casino, lambda: PurchasedCoupon.objects.count() == 3, COUPONS)
        stored_when(casino, lambda: Event.objects.count() == 7, EVENTS)
    assert current_odds(casino) == {number: ("", 2 + number / 100) for number in range(1, 7)}
    assert current_odds(other) == {}
    with use_casino(casino.current):
        assert Market.objects.count() == 0
    assert stored_letters() == []


def test_old_and_new_processes_serve_and_ingest_side_by_side(broker, earlier, casinos):
    casino, other = casinos
    environment = database_environment()
    with (
        earlier.server() as port,
        earlier.consumer("events"),
        manage("consume_events", env=environment),
        manage("consume_odds", env=environment),
    ):
        for partition in range(3):  # some are the earlier consumer's, some this one's
            numbers = range(1 + 2 * partition, 3 + 2 * partition)
            send(EVENTS, [(casino.pk, event(number)) for number in numbers], partition=partition)
        stored_when(casino, lambda: Event.objects.count() == 6, EVENTS)
        own_odds = {number: 2 + number / 100 for number in range(1, 7)}
        assert by_http(port, casino) == own_odds
        send(ODDS, [(casino.pk, odds(number)) for number in (1, 2, BY_MARKETS_ALONE)])
        stored_when(casino, lambda: Market.objects.count() == 3, ODDS)
        with use_casino(casino.current):
            _store_event_by_markets_alone(casino)
        assert by_http(port, casino) == own_odds  # not that of markets alone
        assert current_odds(casino) == (
            {1: ("OVER", 1.91), 2: ("OVER", 1.91), BY_MARKETS_ALONE: ("OVER", 1.91)}
            | {number: ("", own_odds[number]) for number in range(3, 7)}
        )
        send(ODDS, [(casino.pk, odds(2, stop=True))])
        closed = event(1, status="SUSPENDED", timestamp=timezone.now().isoformat())
        send(EVENTS, [(casino.pk, closed)])
        stored_when(casino, lambda: Market.objects.filter(event_id=2, status="suspended").exists(), ODDS)
        stored_when(casino, lambda: Event.objects.filter(pk=1, status="SUSPENDED").exists(), EVENTS)
        assert by_http(port, casino) == {number: odd for number, odd in own_odds.items() if number != 1}
        assert set(current_odds(casino)) == {3, 4, 5, 6, BY_MARKETS_ALONE}
        assert by_http(port, other) == {}


def _store_event_by_markets_alone(casino: Casino) -> None:
    """This code consumes: consumers of events are upgraded before a casino sends events without an odd."""
    Feed(casino).events(event(BY_MARKETS_ALONE, odd=None, producer="EARLY", markets=[]), at=timezone.now())
