"""Requests while experiments run: each user gets one variant, which is sent with the slip; nobody else notices."""

import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from msgspec import UNSET

from recommendations.models import Event, User
from recommendations.recommenders.base import Scores, ScoringContext
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.recommenders.soonest import Soonest
from recommendations.serving.recommendation import recommendation_served
from recommendations.tests.factories import EventFactory, UserFactory
from recommendations.tests.prices.market_rows import market
from tenants.models import Experiment, Scope
from tenants.routing.context import use_casino
from tenants.tests.api_clients import bearing, make_key

from .definitions import ab, holdout, interleaving, variant

USERS = range(1, 41)
SCHEMA = {
    "user": {"type": "int", "source_field": "user_id"},
    "recommendation_id": "string", "recommender": "string", "stake": "string", "refusal": "string", "count": "int",
    "potential_return": "string", "total_odds": "string", "experiment": "string", "variant": "string",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _only_receivers_of_the_test():
    before = recommendation_served.receivers[:]
    recommendation_served.receivers.clear()
    yield
    recommendation_served.receivers[:] = before


@pytest.fixture
def sent():
    found = []

    def receive(casino_id, served, **signal):
        found.append((casino_id, served))

    recommendation_served.connect(receive, weak=False)
    return found


@pytest.fixture
def callers(caller_a, caller_b, casino_a, casino_b, settings):
    settings.CATALOGUE_LEASE_SECONDS = 0
    for caller, casino in ((caller_a, casino_a), (caller_b, casino_b)):
        with use_casino(casino.current):
            UserFactory.create_each({"id": user_id} for user_id in USERS)
            EventFactory.create_each(
                {"begin_timestamp": timezone.now() + timedelta(hours=hours)}
                for hours in range(20, 12, -1)  # the first ones stored begin last
            )
        assert (
            caller.post("/config", {"recommender_type": "trending", "recommendation_schema": SCHEMA}).status_code == 200
        )
    return caller_a, caller_b


@pytest.fixture
def caller(callers):
    return callers[0]


def start(caller, definition):
    assert caller.post("/experiments", definition).status_code == 201
    answer = caller.post(f"/experiments/{definition['name']}/start")
    assert answer.status_code == 200, answer.content


def ask_all(caller, **more):
    return caller.post("/recommend", {"user_ids": list(USERS), **more}).json()["recommendations"]


def variants_of(answers):
    return {each["user"]: each["variant"] for each in answers}


def change(casino, user_id, **values):
    with use_casino(casino.current):
        User.objects.filter(pk=user_id).update(**values)


@pytest.mark.covered
def test_each_user_gets_one_variant_alone_and_in_a_batch(caller):
    start(caller, ab())
    answers = ask_all(caller)
    assert [each["user"] for each in answers] == list(USERS)
    assert {(each["variant"], each["recommender"]) for each in answers} == {("control", "static"), ("soon", "soonest")}
    assert {each["experiment"] for each in answers} == {"trees"}
    assert variants_of([caller.get(f"/recommend/{user}").json() for user in USERS]) == variants_of(answers)
    assert 10 <= list(variants_of(answers).values()).count("soon") <= 30


def test_another_casino_and_users_outside_get_the_casinos_own_configuration(callers, sent):
    caller_a, caller_b = callers
    start(caller_a, ab(traffic=0.3))
    inside = {user for user, name in variants_of(ask_all(caller_a)).items() if name}
    assert 3 <= len(inside) <= 22
    others = [served for casino, served in sent if served.user_id not in inside]
    assert {(each.recommender, each.experiment, each.variant, each.shown) for each in others} == {
        ("dynamic", UNSET, UNSET, UNSET)
    }
    assert {each["experiment"] for each in ask_all(caller_b)} == {""}


@pytest.mark.covered
def test_growing_traffic_moves_nobody(caller):
    start(caller, ab(traffic=0.3))
    before = {user: name for user, name in variants_of(ask_all(caller)).items() if name}
    caller.post("/experiments/trees/grow", {"traffic": 0.9})
    after = variants_of(ask_all(caller))
    assert {user: after[user] for user in before} == before
    assert sum(map(bool, after.values())) > len(before)


@pytest.mark.covered
@pytest.mark.parametrize("recommender", ["hybrid", "soonest"])
def test_bets_are_counted_only_where_a_variant_needs_them(caller, casino_a, recommender):
    start(caller, ab(variants=[variant("control", 0.5), variant("other", 0.5, recommender_type=recommender)]))
    with CaptureQueriesContext(connections[casino_a.current.alias]) as queries:
        ask_all(caller)
    has_read_bets = any("NOT users.personalisation" in each["sql"] for each in queries)
    assert has_read_bets == (recommender == "hybrid")


@pytest.mark.covered
def test_the_sent_slip_tells_variant_and_propensity(caller, sent):
    start(caller, ab(variants=[variant("control", 0.9, recommender_type="static"), variant("soon", 0.1)]))
    answers = ask_all(caller)
    assert [str(served.recommendation_id) for _, served in sent] == [each["recommendation_id"] for each in answers]
    shares = {(each.experiment, each.variant, each.propensity, each.asked_for) for _, each in sent}
    assert shares == {("trees", "control", 0.9, "static"), ("trees", "soon", 0.1, "trending")}


@pytest.mark.covered
def test_a_variants_options_hold_for_its_users_alone(caller):
    start(caller, ab(variants=[variant("three"), variant("one", options={"event_limit": 1})]))
    assert {(each["variant"], each["count"]) for each in ask_all(caller)} == {("three", 3), ("one", 1)}
    assert {each["count"] for each in ask_all(caller, limit=2)} == {2}


def test_a_holdouts_slip_is_computed_sent_as_not_shown_and_not_answered(caller, sent):
    start(caller, holdout())
    answers = {each["user"]: each for each in ask_all(caller)}
    withheld = [each for each in answers.values() if each["variant"] == "withheld"]
    assert {(each["count"], each["stake"], each["potential_return"], each["refusal"]) for each in withheld} == {
        (0, "0.00", "0.00", "")
    }
    assert len(sent) == len(USERS)
    for _, served in sent:
        is_withheld = answers[served.user_id]["variant"] == "withheld"
        assert (served.shown is False, len(served.events)) == (is_withheld, 3)
        assert str(served.recommendation_id) == answers[served.user_id]["recommendation_id"]


def test_the_other_variants_slips_are_computed_for_the_metric_influence(caller, sent):
    start(caller, ab(metric="influence"))
    answers = {each["user"]: each for each in ask_all(caller)}
    assert len(sent) == 2 * len(USERS)
    for user, answer in answers.items():
        shown, other = (served for _, served in sent if served.user_id == user)
        assert (shown.variant, other.variant) == (answer["variant"],) * 2
        assert {shown.asked_for, other.asked_for} == {"static", "soonest"}
        assert (str(shown.recommendation_id), other.shown) == (answer["recommendation_id"], False)
        assert other.recommendation_id != shown.recommendation_id


@pytest.mark.covered
def test_a_slip_that_is_shown_took_no_time_for_those_compared_with_it(caller, sent, monkeypatch):
    class Slow(Soonest):
        name, seconds = "slow", 0.2

        def score(self, context: ScoringContext) -> Scores:
            time.sleep(self.seconds)
            return super().score(context)

    monkeypatch.setitem(RECOMMENDERS, Slow.name, Slow())
    start(caller, ab(metric="influence", variants=[variant("fast"), variant("slow", recommender_type="slow")]))
    variants = set()
    for user in USERS[:8]:
        began = time.perf_counter()
        answer = caller.get(f"/recommend/{user}").json()
        seconds = time.perf_counter() - began
        shown = next(served for _, served in sent if str(served.recommendation_id) == answer["recommendation_id"])
        took = shown.took_ms / 1_000
        variants.add(answer["variant"])
        assert took >= Slow.seconds if answer["variant"] == "slow" else took <= seconds - Slow.seconds
    assert variants == {"fast", "slow"}


@pytest.mark.covered
def test_reasons_are_given_for_slips_that_are_shown_alone(caller, sent, monkeypatch):
    reasoned = []

    class Reasoned(Soonest):
        name = "reasoned"

        def reasons(self, context: ScoringContext, place: int) -> list[str]:
            reasoned.append(context.user_id)
            return ["It begins soon"]

    monkeypatch.setitem(RECOMMENDERS, Reasoned.name, Reasoned())
    variants = [variant("own"), variant("reasoned", recommender_type="reasoned")]
    start(caller, ab(metric="influence", variants=variants, traffic=0.5))
    start(caller, holdout(traffic=0.5))
    found = {user: caller.get(f"/recommend/{user}?explain=true").json()["variant"] for user in USERS}
    assert {"own", "reasoned", "withheld", "shown"} == set(found.values())
    assert set(reasoned) == {user for user, name in found.items() if name == "reasoned"}


@pytest.mark.covered
@pytest.mark.parametrize(
    "definition", [ab(metric="influence", explore=0.2), holdout(explore=0.2)], ids=["ab", "holdout"]
)
def test_each_slip_of_an_experiment_that_explores_tells_what_its_last_event_was_drawn_from(caller, sent, definition):
    start(caller, definition)
    first = ask_all(caller)
    slips = [served.events for _, served in sent]
    assert {(len(events), len(events[-1].candidates)) for events in slips} == {(3, 5)}
    assert all(events[-1].event_id in events[-1].candidates for events in slips)
    assert all(events[0].candidates is UNSET and events[0].propensity is UNSET for events in slips)
    assert {events[-1].propensity for events in slips} <= {0.84, 0.04}
    again = len(sent)
    assert [each["count"] for each in ask_all(caller)] == [each["count"] for each in first]
    assert [served.events for _, served in sent[again:]] == slips


@pytest.mark.covered
def test_nothing_is_drawn_for_a_test_a_flagged_user_or_an_addition_to_a_slip(caller, casino_a, sent):
    caller.patch("/config", {"recommendation_schema": SCHEMA | {"recommended_events": "list"}})
    start(caller, ab(explore=0.2))
    with use_casino(casino_a.current):
        event = Event.objects.earliest("id").pk
    first, *others = (each["recommended_events"] for each in ask_all(caller, variant="soon"))
    assert len(first) == 3
    assert all(each == first for each in others)
    caller.post("/recommend/7/next", {"selections": [{"event_id": event}]})
    change(casino_a, 8, stake_limit=Decimal(1_000))
    caller.get("/recommend/8")
    assert len(sent) == 2  # a test's is not sent
    assert all(event.candidates is UNSET for _, served in sent for event in served.events)


@pytest.mark.covered
def test_variants_that_answer_alike_are_computed_once(caller, sent):
    start(caller, ab(metric="influence", variants=[variant("one"), variant("same")]))
    ask_all(caller)
    assert len(sent) == len(USERS)


FLAGS = {
    "a stake limit": {"stake_limit": Decimal(1_000)},
    "a limit": {"limit_left": Decimal(1_000)},
    "a time-out that is over": {"status": "TIME_OUT", "status_until": timezone.now() - timedelta(days=1)},
    "a restriction in the last 90 days": {"restricted_until": timezone.now() - timedelta(days=89)},
    "refused personalisation": {"personalisation": False},
}


@pytest.mark.covered
@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_no_user_is_enrolled_who_has(caller, casino_a, flags):
    start(caller, ab())
    assert caller.get("/recommend/7").json()["variant"]
    change(casino_a, 7, **flags)
    left = caller.get("/recommend/7").json()
    assert (left["experiment"], left["variant"], left["count"]) == ("", "", 3)
    assert all(each["variant"] for each in ask_all(caller) if each["user"] != 7)


@pytest.mark.covered
def test_a_restriction_of_long_ago_keeps_nobody_out(caller, casino_a):
    start(caller, ab())
    change(casino_a, 7, restricted_until=timezone.now() - timedelta(days=91))
    assert caller.get("/recommend/7").json()["variant"]


def restricted_until(casino: Any, user_id: int) -> Any:
    with use_casino(casino.current):
        return User.objects.get(pk=user_id).restricted_until


@pytest.mark.covered
@pytest.mark.parametrize("status", ["SELF_EXCLUDED", "TIME_OUT", "CLOSED"])
def test_a_message_that_ends_a_restriction_starts_the_90_days(caller, casino_a, status):
    start(caller, ab())
    change(casino_a, 7, status=status)
    refused = caller.get("/recommend/7").json()
    assert (refused["refusal"], refused["variant"]) == (status.lower(), "")
    change(casino_a, 7, status="ACTIVE")
    assert abs(restricted_until(casino_a, 7) - timezone.now()) < timedelta(minutes=1)
    assert (caller.get("/recommend/7").json()["variant"], caller.get("/recommend/7").json()["count"]) == ("", 3)


@pytest.mark.covered
def test_a_restriction_that_was_over_by_itself_ended_at_its_own_time(casino_a, callers):
    over = timezone.now() - timedelta(days=200)
    change(casino_a, 7, status="TIME_OUT", status_until=over)
    change(casino_a, 7, status="ACTIVE", status_until=None)
    assert restricted_until(casino_a, 7) == over


@pytest.mark.covered
@pytest.mark.parametrize("definition", [ab(), holdout()], ids=["ab", "holdout"])
def test_refused_users_are_refused_and_not_assigned(caller, casino_a, sent, definition):
    start(caller, definition)
    change(casino_a, 7, birth_year=timezone.now().year - 10)
    refused = caller.get("/recommend/7").json()
    assert (refused["refusal"], refused["variant"]) == ("under_age", "")
    assert [(served.events, served.shown is False) for _, served in sent] == [((), False)]


def test_an_interleaved_slip_has_events_of_both_recommenders_and_tells_whose_they_are(caller, sent):
    start(caller, interleaving())
    answers = ask_all(caller)
    assert {(each["recommender"], each["variant"], each["count"]) for each in answers} == {
        ("static+soonest", "interleaved", 3)
    }
    teams: Counter[Any] = Counter()
    for _, served in sent:
        assert (served.asked_for, served.propensity, served.shown) == ("static+soonest", 1.0, UNSET)
        slip_teams = Counter(event.team for event in served.events)
        assert slip_teams["A"] + slip_teams["B"] == 3
        assert abs(slip_teams["A"] - slip_teams["B"]) == 1
        teams += slip_teams
    assert 45 <= teams["A"] <= 75
    ask_all(caller)
    events = [[event.event_id for event in served.events] for _, served in sent]
    assert events[: len(USERS)] == events[len(USERS) :]


@pytest.mark.covered
def test_who_had_the_first_turn_is_decided_by_the_coin_though_that_lists_events_have_no_price(caller, casino_a, sent):
    start(caller, interleaving())
    ask_all(caller)
    drawn = [served.events[0].first_team for _, served in sent]
    assert drawn == [served.events[0].team for _, served in sent]
    assert set(drawn) == {"A", "B"}
    assert {event.first_team for _, served in sent for event in served.events[1:]} == {UNSET}
    with use_casino(casino_a.current):
        for event in Event.objects.order_by("id")[:3]:
            market(event.pk, status="suspended")
    ask_all(caller)
    again = [served.events[0] for _, served in sent[len(USERS) :]]
    assert {event.team for event in again} == {"B"}
    assert [event.first_team for event in again] == drawn


@pytest.mark.covered
def test_each_list_of_an_interleaving_can_be_asked_for_alone(caller, sent):
    start(caller, interleaving())
    assert caller.get("/recommend/7?variant=one").json()["recommender"] == "static"
    assert caller.get("/recommend/7?variant=other").json()["recommender"] == "soonest"
    assert sent == []


@pytest.mark.covered
def test_a_scheduled_experiment_runs_from_its_begin_until_its_end(caller):
    now = timezone.now()
    begin, end = now + timedelta(days=1), now + timedelta(days=2)
    start(caller, ab(starts_at=begin.isoformat(), stops_at=end.isoformat()))
    assert set(variants_of(ask_all(caller)).values()) == {""}
    _move(caller, begin - timedelta(days=2), end)
    assert set(variants_of(ask_all(caller)).values()) == {"control", "soon"}
    _move(caller, begin - timedelta(days=2), now - timedelta(seconds=1))
    assert set(variants_of(ask_all(caller)).values()) == {""}


def _move(caller, begin, end):
    experiment = Experiment.objects.select_related("casino").get()
    running: Any = experiment.casino.running_experiments
    stored = running[0]
    stored |= {"starts_at": begin.isoformat(), "stops_at": end.isoformat()}
    experiment.casino.running_experiments = [stored]
    experiment.casino.save()


@pytest.mark.covered
def test_a_placement_takes_part_alone(caller):
    start(caller, ab(placement="home"))
    assert set(variants_of(ask_all(caller)).values()) == {""}
    assert set(variants_of(ask_all(caller, placement="home")).values()) == {"control", "soon"}


def test_a_test_may_ask_for_a_variant_which_is_not_sent(caller, sent):
    start(caller, ab(starts_at=(timezone.now() + timedelta(days=1)).isoformat()))
    for name, recommender in (("control", "static"), ("soon", "soonest"), ("trees/soon", "soonest")):
        assert caller.get(f"/recommend/7?variant={name}").json()["recommender"] == recommender
        assert {each["recommender"] for each in ask_all(caller, variant=name)} == {recommender}
    assert sent == []
    unknown = caller.get("/recommend/7?variant=best")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid_parameter")
    assert unknown.json()["error"].endswith("if it is unique: trees/control, trees/soon")


def test_a_variant_of_no_experiment_gets_400(caller):
    assert "none: no experiment is scheduled or running" in caller.get("/recommend/7?variant=best").json()["error"]
    assert caller.post("/recommend", {"user_ids": [7], "variant": 3}).json()["code"] == "invalid_parameter"


@pytest.mark.covered
def test_a_flagged_user_does_not_get_a_variant_that_a_test_asks_for(caller, casino_a, sent):
    start(caller, ab())
    change(casino_a, 7, stake_limit=Decimal(1_000))
    assert caller.get("/recommend/7?variant=soon").json()["variant"] == ""
    assert len(sent) == 1


def test_a_key_needs_the_scope_test_to_ask_for_a_variant(caller, casino_a, settings):
    start(caller, ab())
    settings.RECSYS_OPEN_API = False
    for scopes, status in (((Scope.RECOMMEND,), 403), ((Scope.RECOMMEND, Scope.TEST), 200)):
        headers = bearing(make_key(casino_a, *scopes).text)
        assert Client().get("/recommend/7?variant=soon", headers=headers).status_code == status


@pytest.mark.covered
def test_the_next_bets_are_of_the_same_variant_and_lists_without_a_user_of_none(caller):
    start(caller, ab())
    for user, name in variants_of(ask_all(caller)).items():
        assert caller.post(f"/recommend/{user}/next", {"selections": []}).json()["variant"] == name
    assert {"experiment", "variant"}.isdisjoint(caller.get("/popular").json())


@pytest.mark.covered
def test_an_experiment_that_no_longer_fits_the_options_is_not_served(caller, caplog):
    start(caller, ab(variants=[variant("any"), variant("high", options={"min_odd": 3.0})]))
    assert set(variants_of(ask_all(caller)).values()) == {"any", "high"}
    caller.patch("/config", {"options": {"max_odd": 2.8}})
    assert set(variants_of(ask_all(caller)).values()) == {""}
    assert "The experiment trees is not served" in caplog.text
    assert "min_odd must not be above max_odd" in caplog.text
    caller.patch("/config", {"options": {"max_odd": None}})
    assert set(variants_of(ask_all(caller)).values()) == {"any", "high"}


@pytest.mark.covered
def test_a_stopped_experiment_leaves_nothing_behind(caller):
    before = [{**each, "recommendation_id": ""} for each in ask_all(caller)]
    start(caller, ab())
    caller.post("/experiments/trees/stop")
    assert [{**each, "recommendation_id": ""} for each in ask_all(caller)] == before


@pytest.mark.covered
@pytest.mark.parametrize("definition", [ab(), ab(metric="influence"), holdout(), interleaving()])
def test_an_experiment_needs_no_query_more(caller, settings, definition, django_assert_num_queries):
    start(caller, definition)
    settings.CATALOGUE_LEASE_SECONDS = 60
    for path in ("/recommend/7", "/recommend/8"):
        caller.get(path)
        with django_assert_num_queries(1, connection=connections["casino_1"]):
            caller.get(path)
        with django_assert_num_queries(0, connection=connections["default"]):
            caller.get(path)
