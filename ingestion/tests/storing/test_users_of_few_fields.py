"""A user needs an id, or name, surname, birth year and country; all other fields may follow later, or never."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingestion.tests.closing_messages import NOW, USER, Feed, ago, event, user
from ingestion.topics import USERS
from recommendations.models import User, UserProfile
from recommendations.recommenders.registry import get_recommender
from recommendations.services import recommend
from recommendations.serving.casino_catalogue import Catalogue
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import Options
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

ID = 800001
NAMED = {"name": "Ann", "surname": "Test", "birth_year": 1985, "country": "ENGLAND"}
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def feed(casino_a):
    feed = Feed(casino_a)
    feed.events(event(0))
    return feed


def stored(casino, **key):
    with use_casino(casino.current):
        return User.objects.get(**(key or {"id": ID}))


def answer_of(casino, options):
    request = RecommendationRequest(casino.pk, get_recommender("static"), NOW, options)
    with use_casino(casino.current):
        return recommend(request, [ID])[0]


def test_a_first_message_of_an_id_alone_makes_a_user_without_a_profile_to_guess_from(feed, casino_a, casino_b):
    assert feed.users({"id": ID}) == ["stored"]
    found = stored(casino_a)
    texts = found.name, found.surname, found.currency, found.country, found.gender, found.favorite_sport
    assert texts == ("",) * 6
    assert (found.birth_year, found.timestamp, found.status) == (None, NEVER, "ACTIVE")
    with use_casino(casino_a.current):
        assert UserProfile.objects.filter(user_id=ID).exists()
    with use_casino(casino_b.current):
        assert not User.objects.filter(id=ID).exists()


def test_later_messages_add_what_they_tell(feed, casino_a):
    messages: list[dict[str, Any]] = [
        {"currency": "GBP"},
        {"birth_year": 1985, "gender": None},
        {"name": "Ann", "currency": ""},
    ]
    assert feed.users(*({"id": ID} | each for each in messages)) == ["stored", "updated", "updated"]
    found = stored(casino_a)
    assert (found.currency, found.birth_year, found.gender, found.name) == ("GBP", 1985, "", "Ann")


def test_several_first_messages_of_a_user_in_one_batch_are_one_user(feed, casino_a):
    results = feed.send(USERS, [{"id": ID, "status": "closed"}, {"id": ID, "gender": "OTHER"}, user(1, status=None)])
    assert [each.outcome for each in results] == ["stored", "updated", "updated"]
    assert (stored(casino_a).status, stored(casino_a).name) == ("CLOSED", "Ann 1")


def test_a_user_without_an_id_needs_the_four_fields_of_the_natural_key(feed, casino_a):
    assert feed.users(NAMED) + feed.users(NAMED | {"gender": "FEMALE"}) == ["stored", "updated"]
    assert stored(casino_a, name="Ann").gender == "FEMALE"
    for field in NAMED:
        [result] = feed.send(USERS, [{name: value for name, value in NAMED.items() if name != field}])
        assert result.rejection is not None
        assert (result.outcome, result.rejection.field) == ("missing", field)
    assert "or the id" in result.rejection.detail


def test_a_user_of_unknown_age_gets_no_bets_unless_the_casino_allows_it(feed, casino_a):
    feed.users({"id": ID, "currency": "GBP"})
    assert answer_of(casino_a, Options()).refusal == "age_unknown"
    allowed = answer_of(casino_a, Options(allow_unknown_age=True))
    assert (allowed.refusal, len(allowed.recommended_events)) == ("", 1)


def test_an_allowed_unknown_age_allows_no_known_one(feed, casino_a):
    feed.users({"id": ID, "birth_year": NOW.year - 17})
    assert answer_of(casino_a, Options(allow_unknown_age=True)).refusal == "under_age"


def test_a_birth_date_alone_tells_the_age(feed, casino_a):
    feed.users({"id": ID, "birth_date": "1985-03-01"})
    assert (stored(casino_a).birth_year, stored(casino_a).birth_date) == (1985, date(1985, 3, 1))
    assert answer_of(casino_a, Options()).refusal == ""


def test_without_a_currency_no_stake_is_suggested_but_events_are(feed, casino_a):
    feed.users({"id": ID, "birth_year": 1985})
    answer = answer_of(casino_a, Options())
    assert (answer.stake, answer.currency, len(answer.recommended_events)) == (Decimal(0), "", 1)


def test_without_a_currency_a_casino_that_lists_its_own_shows_no_bets(feed, casino_a):
    feed.users({"id": ID, "birth_year": 1985})
    assert answer_of(casino_a, Options(catalogue=Catalogue(currencies=("GBP",)))).refusal == "currency_not_offered"


def test_a_skipped_currency_is_not_taken_for_the_default_one_where_currencies_are_listed(feed, casino_a):
    feed.configure(catalogue={"currencies": ["GBP"]})
    assert feed.users(user(1, currency="EUR"), {"id": ID, "name": "Ada"}) == ["skipped", "stored"]
    options = Options(catalogue=Catalogue(currencies=("GBP",)), default_currency="GBP", allow_unknown_age=True)
    assert answer_of(casino_a, options).refusal == "currency_not_offered"
    assert feed.users({"id": ID, "currency": "GBP"}) == ["updated"]
    assert answer_of(casino_a, options).refusal == ""


def test_without_a_currency_the_casinos_default_one_is_taken(feed, casino_a):
    feed.users({"id": ID, "birth_year": 1985})
    answer = answer_of(casino_a, Options(default_currency="GBP", default_stakes={"GBP": Decimal(7)}))
    assert (answer.stake, answer.currency) == (Decimal(7), "GBP")


def test_a_message_without_a_timestamp_is_as_of_its_sending(feed, casino_a):
    sent = NOW.replace(microsecond=0)
    feed.send(USERS, [{name: value for name, value in USER.items() if name != "timestamp"}], at=sent)
    assert stored(casino_a).timestamp == sent
    assert feed.users({"id": ID, "name": "Older", "timestamp": ago(days=1)}) == ["stale"]


@pytest.mark.parametrize("restriction", [{"status": "self_excluded"}, {"stake_limit": 0}, {"limit_left": "-"}, "{"])
def test_a_restriction_that_arrives_first_restricts_the_user_who_comes_later(feed, casino_a, restriction):
    first = restriction if restriction == "{" else {"id": ID, "timestamp": ago(days=9)} | restriction
    feed.send(USERS, [b"{" if first == "{" else first], keys=[str(ID).encode()])
    feed.users(user(1, timestamp=ago(days=20)))
    assert stored(casino_a).name == "Ann 1", "an older message tells what the first did not"
    assert feed.shown_bets([1]) == set()


def test_a_removed_user_is_not_made_again_by_an_older_message(feed, casino_a):
    feed.users(user(1))
    feed.send_removal(ID)  # 18 days ago
    assert feed.users({"id": ID, "name": "Ann", "timestamp": ago(days=19)}) == ["stale"]
    assert feed.users({"id": ID, "name": "Ann", "timestamp": ago(days=17)}) == ["stored"]


@pytest.mark.parametrize("field", ["name", "surname", "country", "gender", "currency"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_text_change_nothing(feed, casino_a, field, nothing):
    feed.users(user(1))
    before = getattr(stored(casino_a), field)
    assert feed.users(user(1, timestamp=ago(days=5), **{field: nothing})) == ["updated"]
    assert getattr(stored(casino_a), field) == before


def test_a_currency_that_is_none_is_reported_by_name_though_other_fields_are_missing_too(feed):
    [result] = feed.send(USERS, [{"id": ID, "currency": "$", "birth_year": 1985}])
    assert result.rejection is not None
    assert (result.outcome, result.rejection.field) == ("unknown_value", "currency")
