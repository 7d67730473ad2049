"""The common tests of all endpoints beside `/recommend`: the skeleton of an endpoint, and the rules of the events that
may be shown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client

from recommendations.models import Event
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.recommendation import recommendation_served
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory
from tenants.access.limits import rate_limiter
from tenants.models import Casino
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino
from tenants.tests.api_clients import UNKNOWN_KEY, bearing, make_key

pytestmark = pytest.mark.slow

SCHEMA = {
    "user_id": "int",
    "bet": {"type": "float", "source_field": "stake"},
    "recommender": "string",
    "why": {"type": "list", "source_field": "reasons"},
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {
            "id": "int",
            "home_team": "string",
            "country": "string",
            "price": {"type": "float", "source_field": "odd"},
        },
    },
}
POSTED = {"/recommend/31/next": "selections", "/recommend/session": "viewed"}
READ = ("/events/900000/similar", "/popular")
PATHS = (*POSTED, *READ)
WITHOUT_USER = PATHS[1:]


class Service:
    """Asks one endpoint as a casino's back end does; `filters` are those of `/recommend`."""

    def __init__(self, casino: Casino, path: str) -> None:
        self.casino, self.path = casino, path

    def ask(self, casino: Casino | None = None, key: str | None = None, **filters: Any) -> Any:
        headers = bearing(key) if key is not None else {"Casino-ID": str((casino or self.casino).pk)}
        if self.path in POSTED:
            body = {POSTED[self.path]: [], **filters}
            return Client().post(self.path, body, content_type="application/json", headers=headers)
        query = {name: ",".join(map(str, each)) if isinstance(each, list) else each for name, each in filters.items()}
        return Client().get(self.path, query, headers=headers)

    def configure(self, recommender: str = "hybrid", casino: Casino | None = None, **options: Any) -> None:
        casino = casino or self.casino
        body = {"recommender_type": recommender, "recommendation_schema": SCHEMA, "options": options}
        headers = {"Casino-ID": str(casino.pk)}
        answer = Client().post("/config", body, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.content

    def shown(self, **filters: Any) -> list[int]:
        answer = self.ask(**filters)
        assert answer.status_code == 200, answer.content
        return [event["id"] for event in answer.json()["events"]]


@pytest.fixture(params=PATHS)
def service(request, casino_a, casino_b):
    """User 31 and event 900000 in both casinos; casino B has events of its own, too."""
    for casino, country in ((casino_a, "HERE"), (casino_b, "ELSEWHERE")):
        with use_casino(casino.current):
            UserFactory.create(id=31)
            later = datetime.now(UTC) + timedelta(days=9)
            EventFactory.create(id=900_000, country=country, begin_timestamp=later, odd=Decimal("90"))
    with use_casino(casino_b.current):
        EventFactory.create_batch(5, country="ELSEWHERE")
    found = Service(casino_a, request.param)
    found.configure(max_odd=80)  # so that event 900000 itself is never shown
    with use_casino(casino_a.current):
        yield found


@pytest.fixture
def events(service):
    """Events 1 to 6 of casino A, which begin at one time."""
    begin = datetime.now(UTC) + timedelta(days=1)
    return EventFactory.create_each({"id": n, "country": "HERE", "begin_timestamp": begin} for n in range(1, 7))


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestSkeleton:
    @pytest.mark.covered
    def test_it_answers_the_casinos_own_fields(self, service, events):
        answer = service.ask()
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        user_fields = {"user_id", "bet"} if "31" in service.path else set()
        assert set(answer.json()) == {"recommender", "why", "events"} | user_fields
        assert len(answer.json()["events"]) == 3
        assert all(set(event) == {"id", "home_team", "country", "price"} for event in answer.json()["events"])

    @pytest.mark.covered
    def test_without_fields_of_its_own_an_event_has_the_contracts_six(self, service, events):
        schema = {"events": {"type": "list", "source_field": "recommended_events"}}
        body = {"recommender_type": "static", "recommendation_schema": schema, "options": {"max_odd": 80}}
        Client().post("/config", body, content_type="application/json", headers={"Casino-ID": "1"})
        answer = service.ask(limit=1).json()
        assert set(answer) == {"events"}
        assert set(answer["events"][0]) == {"country", "league", "home_team", "away_team", "sport", "odd"}

    @pytest.mark.covered
    def test_a_key_needs_the_scope_recommend(self, service, events, settings):
        settings.RECSYS_OPEN_API = False
        assert service.ask(key=make_key(service.casino, "recommend").text).status_code == 200
        others = ("configure", "ingest", "test")
        assert code(service.ask(key=make_key(service.casino, *others).text)) == (403, "scope_missing")
        assert code(service.ask(key=UNKNOWN_KEY)) == (401, "invalid_api_key")
        assert code(service.ask()) == (401, "not_authenticated")

    @pytest.mark.covered
    def test_a_key_of_another_casino_sees_that_casinos_events(self, service, events, casino_b):
        with use_casino(casino_b.current, switch=True):
            service.configure(casino=casino_b, max_odd=80)
            answer = service.ask(key=make_key(casino_b).text).json()
        assert {event["country"] for event in answer["events"]} == {"ELSEWHERE"}

    @pytest.mark.covered
    def test_a_login_needs_the_permission_to_view(self, service, events, settings, django_user_model):
        settings.RECSYS_OPEN_API = False
        login = django_user_model.objects.create_user("new", is_staff=True)
        client = Client()
        client.force_login(login)
        send = client.post if service.path in POSTED else client.get
        ask: dict[str, Any] = {"content_type": "application/json", "headers": {"Casino-ID": "1"}}
        assert send(service.path, **ask).status_code == 403
        permission = "view_user" if "31" in service.path else "view_event"
        login.user_permissions.set(Permission.objects.filter(codename=permission))
        assert send(service.path, **ask).status_code != 403

    def test_a_casino_without_configuration_gets_400(self, service, events):
        service.casino.recommender_type = service.casino.recommendation_schema = None
        service.casino.save()
        assert code(service.ask()) == (400, "casino_not_configured")

    @pytest.mark.covered
    def test_other_methods_are_refused(self, service, events):
        for method in ("put", "delete", "head"):
            answer = getattr(Client(), method)(service.path, headers={"Casino-ID": "1"})
            assert answer.status_code == 405, method

    @pytest.mark.parametrize(
        ("filters", "error"),
        [
            ({"limit": 0}, "limit must be"),
            ({"limit": 21}, "limit must be"),
            ({"exclude": list(range(1, 202))}, "exclude may list at most 200 values, not 201"),
            ({"sport": ["x" * 51]}, "sport must list names"),
            ({"explain": "maybe"}, "explain must be 1 or 0"),
            ({"limt": 2}, "did you mean limit?"),
            ({"excluded": [1]}, "did you mean exclude?"),
        ],
    )
    def test_an_invalid_or_misspelled_filter_is_reported(self, service, events, filters, error):
        answer = service.ask(**filters)
        assert code(answer) == (400, "invalid_parameter")
        assert error in answer.json()["error"]

    @pytest.mark.covered
    def test_a_sport_that_the_casino_does_not_offer_is_reported(self, service, events):
        service.configure(catalogue={"sports": ["FOOTBALL"]})
        answer = service.ask(sport=["CHESS"])
        assert code(answer) == (400, "invalid_parameter")
        assert "one or several of FOOTBALL" in answer.json()["error"]

    @pytest.mark.covered
    @pytest.mark.parametrize("recommender", ["hybrid", "inference_score"])
    def test_it_queries_the_casino_once_and_no_other(
        self, service, events, casino_b, settings, django_assert_num_queries, recommender
    ):
        service.configure(recommender, max_odd=80)
        settings.CATALOGUE_LEASE_SECONDS = 60
        for _ in range(2):
            service.ask()
        with (
            django_assert_num_queries(1, connection=connections["casino_1"]),
            django_assert_num_queries(0, connection=connections["casino_2"]),
            django_assert_num_queries(0, connection=connections["default"]),
        ):
            assert service.ask().status_code == 200

    @pytest.mark.covered
    def test_a_large_answer_is_charged_for_its_size(self, service, events, settings):
        settings.API_REQUESTS_PER_SECOND = 1_000
        fields = {f"{'n' * 35}{number}": {"type": "string", "source_field": "league"} for number in range(50)}
        service.casino.recommender_type = "static"
        service.casino.recommendation_schema = {
            "events": {"type": "list", "source_field": "recommended_events", "fields": fields}
        }
        service.casino.save()
        key = make_key(service.casino).text
        service.ask(key=key)
        before = rate_limiter._tokens[1].count
        assert service.ask(key=key, limit=20).status_code == 200
        assert before - rate_limiter._tokens[1].count == 7

    @pytest.mark.covered
    def test_a_body_beyond_the_casinos_limit_is_refused(self, service, events):
        if service.path not in POSTED:
            return
        service.casino.request_bytes = 2_000
        service.casino.save()
        assert code(service.ask(key=make_key(service.casino).text, exclude=["x" * 100] * 30)) == (
            413,
            "request_too_large",
        )


@pytest.mark.covered
class TestRules:
    @pytest.mark.parametrize("recommender", RECOMMENDERS)
    def test_no_event_has_begun_closed_or_an_unusable_odd(self, service, recommender):
        service.configure(recommender, max_odd=80, min_odd=1.5)
        now = datetime.now(UTC)
        begun = [{"begin_timestamp": now + timedelta(hours=hours)} for hours in (-48, -3, -1, 0)]
        closed = [{"status": status} for status in ("CLOSED", "CANCELLED", "SUSPENDED")]
        *_, broken = EventFactory.create_each([*begun, *closed, {"is_withheld": True}, {"odd": Decimal("1.2")}, {}])
        with casino_connection().cursor() as cursor:
            cursor.execute("UPDATE events SET odd = 'NaN' WHERE id = %s", [broken.pk])
        sound = EventFactory.create()
        assert service.shown(limit=20) == [sound.pk]

    @pytest.mark.parametrize("limit", [1, 3, 6])
    def test_there_are_exactly_n_events_if_the_offer_has_them(self, service, events, limit):
        shown = service.shown(limit=limit)
        assert len(set(shown)) == len(shown) == limit

    def test_a_small_offer_gives_a_shorter_answer_and_an_empty_one_none(self, service):
        assert service.shown() == []
        event = EventFactory.create()
        assert service.shown() == [event.pk]

    def test_filters_and_options_hold(self, service, events):
        EventFactory.create(id=7, sport="HANDBALL")
        assert service.shown(exclude=[1, 2], sport=["football"], limit=20) == [3, 4, 5, 6]
        service.configure(max_odd=80, blocked={"events": [1, 2, 3]}, event_limit=2)
        assert service.shown(sport=["football"]) == [4, 5]
        service.configure(max_odd=80, max_per_league=2)
        assert len(service.shown(sport=["football"], limit=20)) == 2

    def test_no_team_comes_twice_and_no_match_under_two_ids(self, service, events):
        Event.objects.filter(pk__lte=3).update(home_team="SAME")
        shown = service.shown(limit=20)
        assert len(shown) == 4
        assert len({1, 2, 3} & set(shown)) == 1

    def test_a_changed_event_reaches_the_next_answer(self, service, events):
        assert 1 in service.shown(limit=20)
        Event.objects.filter(pk=1).update(status="SUSPENDED")
        assert 1 not in service.shown(limit=20)

    @pytest.mark.parametrize("recommender", ["hybrid", "dynamic", "inference"])
    def test_the_same_question_gets_the_same_answer(self, service, recommender):
        service.configure(recommender, max_odd=80)
        EventFactory.create_each({"league": f"LEAGUE {number % 20}"} for number in range(40))
        if datetime.now(UTC).minute == 59:
            return  # the hour could end in between; the rule of one hour is tested without HTTP
        assert service.shown() == service.shown() == service.shown()

    def test_an_explanation_has_scores_and_reasons(self, service, events):
        TalliedCouponFactory.create_batch(3, user_id=31)
        explanation = service.ask(explain=1).json()["explanation"]
        assert len(explanation["events"]) == 3
        assert all(isinstance(event["score"], float) for event in explanation["events"])


@pytest.mark.covered
@pytest.mark.parametrize("service", WITHOUT_USER, indirect=True)
def test_nothing_is_published_or_stored_without_a_user(service, events):
    sent: list[Any] = []

    def receive(sender: Any, **signal: Any) -> None:
        sent.append(signal)

    tables = ("users", "users_profile", "user_tallies", "purchased_coupons", "served_recommendations", "casino_tallies")

    def rows() -> list[Any]:
        with casino_connection().cursor() as cursor:
            cursor.execute(" UNION ALL ".join(f"SELECT '{each}', count(*) FROM {each}" for each in tables))
            found: list[Any] = cursor.fetchall()
            return found

    before = rows()
    recommendation_served.connect(receive)
    try:
        assert service.shown()
    finally:
        recommendation_served.disconnect(receive)
    assert (sent, rows()) == ([], before)
