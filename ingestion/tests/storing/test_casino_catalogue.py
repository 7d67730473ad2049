"""Rows that a casino's option `catalogue` does not offer are skipped, but never their closings and restrictions."""

from decimal import Decimal

import pytest

from ingestion.catalogue import find_casinos
from ingestion.models import MessageCount
from ingestion.tests.closing_messages import Feed, ago, event, user
from ingestion.tests.database_outages import execute
from recommendations.models import Event, LearntValue, User, WaitingChange
from recommendations.serving.casino_catalogue import Catalogue
from recommendations.serving.options import Options, parse_options
from recommendations.storing.learnt_values import MAX_LEARNT, learn
from recommendations.storing.waiting_changes import MAX_WAITING
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

TENNIS = {"sports": ["TENNIS"]}
BITCOIN = {"currencies": ["BTC", "GBP"], "currency_decimals": {"BTC": 8}}


def feed_of(casino, catalogue):
    feed = Feed(casino)
    feed.configure(catalogue=catalogue)
    return feed


@pytest.fixture
def open_feed(casino_a, casino_b):
    return Feed(casino_a)


def counts(casino):
    with use_casino(casino.current):
        return {each.outcome: (each.count, each.is_rejection, each.last_detail) for each in MessageCount.objects.all()}


def stored(casino, model=Event):
    with use_casino(casino.current):
        return set(model.objects.values_list("id", flat=True))


def waiting(casino):
    with use_casino(casino.current):
        return set(WaitingChange.objects.values_list("key", "subject"))


def test_any_sport_is_learnt_and_recommended(open_feed, casino_a, casino_b):
    assert open_feed.events(event(1, sport="Tennis"), event(2, sport="jai alai")) == ["stored", "stored"]
    assert open_feed.users(user(1, gender="x", currency="kwd")) == ["stored"]
    assert open_feed.recommended() == {1, 2}
    with use_casino(casino_a.current):
        learnt = set(LearntValue.objects.values_list("kind", "value"))
    assert learnt == {("sport", "TENNIS"), ("sport", "JAI ALAI"), ("gender", "X"), ("currency", "KWD")}
    assert stored(casino_b, LearntValue) == set()


def test_a_sport_that_is_not_listed_is_skipped_and_counted_and_another_casino_stores_it(casino_a, casino_b):
    feed, other = feed_of(casino_a, TENNIS), feed_of(casino_b, {})
    messages = [event(1, sport="TENNIS"), event(2), event(3)]
    assert feed.events(*messages) == ["stored", "skipped", "skipped"]
    assert other.events(*messages) == ["stored"] * 3
    assert counts(casino_a)["skipped"] == (2, False, "sport is not in the casino's option catalogue.sports")
    assert (stored(casino_a), waiting(casino_a)) == ({900_001}, set())


@pytest.mark.parametrize(
    ("catalogue", "listed", "unlisted"),
    [({"event_countries": ["SPAIN"]}, {"country": "spain"}, {}), (TENNIS, {"sport": "tennis"}, {"country": "SPAIN"})],
)
def test_events_are_listed_by_sport_and_by_country(casino_a, catalogue, listed, unlisted):
    assert feed_of(casino_a, catalogue).events(event(1, **listed), event(2, **unlisted)) == ["stored", "skipped"]


@pytest.mark.parametrize("status", ["suspended", "cancelled", "settled"])
def test_a_stored_event_that_is_no_longer_offered_closes_and_changes(casino_a, status):
    feed = Feed(casino_a)
    feed.events(event(1), event(2), event(3))
    feed.configure(catalogue=TENNIS)
    assert feed.events(event(1, status=status), event(2, odd=9), event(4)) == ["updated", "updated", "skipped"]
    assert feed.recommended() == {2, 3}
    assert (feed.event(1).status, feed.event(2).odd) == (status.upper(), Decimal(9))


def test_a_narrower_catalogue_holds_at_once_and_a_wider_one_brings_back_what_is_known(casino_a):
    feed = Feed(casino_a)
    feed.events(event(1), event(2), event(3, sport="TENNIS"))
    feed.configure(catalogue=TENNIS)
    feed.events(event(1, odd=3), event(4))
    assert feed.recommended(Options(catalogue=Catalogue(sports=("TENNIS",)))) == {3}
    feed.configure()
    assert feed.recommended() == {1, 2, 3}
    assert (feed.events(event(4)), feed.event(1).odd) == (["stored"], Decimal(3))


def test_an_event_that_changes_its_sport_is_one_of_the_new_sport_whatever_comes_after(casino_a):
    feed = feed_of(casino_a, TENNIS)
    feed.events(event(1, sport="TENNIS"), event(2, sport="TENNIS"))
    assert feed.events(event(1, sport="football"), {"id": 900_001, "odd": 3}) == ["updated", "updated"]
    assert feed.recommended(Options(catalogue=Catalogue(sports=("TENNIS",)))) == {2}


def test_an_event_without_an_id_that_is_no_longer_offered_closes(casino_a):
    feed = Feed(casino_a)
    match = {name: value for name, value in event(1).items() if name != "id"}
    feed.events(match)
    feed.configure(catalogue=TENNIS)
    assert feed.events(match | {"status": "cancelled"}) == ["updated"]
    with use_casino(casino_a.current):
        assert Event.objects.get().status == "CANCELLED"


def test_a_partial_message_about_an_event_that_is_not_offered_is_no_dead_letter(casino_a):
    feed = feed_of(casino_a, TENNIS)
    partial = {"id": 900_001, "odd": 3}
    assert feed.events(event(1), partial, {"id": 900_001, "status": "settled"}) == ["skipped"] * 3
    assert feed.events(event(2, sport="TENNIS"), {"id": 900_002, "odd": 3}) == ["stored", "updated"]
    feed.configure()
    assert feed.events(partial | {"id": 900_003}) == ["missing"]


def test_a_closing_in_part_that_arrives_before_its_event_still_waits(casino_a):
    feed = feed_of(casino_a, TENNIS)
    feed.events({"id": 900_001, "status": "cancelled"})
    feed.events(event(1, sport="TENNIS"), event(2, sport="TENNIS"))
    assert feed.recommended() == {2}


def test_closings_of_unknown_events_make_no_user_unsafe(casino_a):
    """A feed of all sports closes all events, one message each."""
    feed = feed_of(casino_a, TENNIS)
    fill = (
        "INSERT INTO waiting_changes (kind, key, subject, timestamp, change) SELECT 'events', number::text, "
        "'status', '2020-01-01'::timestamptz + number * interval '1 second', '{}' "
        f"FROM generate_series(1, {MAX_WAITING}) number"
    )
    execute("casino_1", fill)
    feed.users({"id": 800_001, "status": "self_excluded", "timestamp": ago(days=9)})
    feed.events({"id": 900_001, "status": "cancelled"})
    feed.events(event(1, sport="TENNIS"), event(2, sport="TENNIS"))
    feed.users(user(1), user(2))
    assert feed.recommended() == {2}
    assert feed.shown_bets([1, 2]) == {2}
    with use_casino(casino_a.current):
        assert WaitingChange.objects.count() == MAX_WAITING - 1_000
        assert not WaitingChange.objects.filter(key="1000").exists()


def test_a_user_of_a_currency_that_is_not_listed_is_skipped(casino_a):
    feed = feed_of(casino_a, BITCOIN)
    assert feed.users(user(1, currency="btc"), user(2, currency="EUR"), user(3)) == ["stored", "skipped", "stored"]
    assert stored(casino_a, User) == {800_001, 800_003}
    assert counts(casino_a)["skipped"] == (1, False, "currency is not in the casino's option catalogue.currencies")
    assert waiting(casino_a) == set()


@pytest.mark.parametrize("status", ["self_excluded", "time_out", "closed"])
def test_a_restriction_of_a_user_who_is_not_offered_holds_and_waits_if_the_user_is_unknown(casino_a, status):
    feed = Feed(casino_a)
    feed.users(user(1), user(2))
    feed.events(event(1))
    feed.configure(catalogue=BITCOIN)
    excluding = {"currency": "EUR", "status": status, "timestamp": ago(days=9)}
    assert feed.users(user(1, **excluding), user(3, **excluding)) == ["updated", "skipped"]
    assert feed.users(user(1, timestamp=ago(days=8)), user(3, timestamp=ago(days=8))) == ["updated", "stored"]
    assert feed.shown_bets([1, 2, 3]) == {2}
    with use_casino(casino_a.current):
        assert {user.status for user in User.objects.filter(id__in=[800_001, 800_003])} == {status.upper()}


def test_a_limit_of_a_user_who_is_not_offered_holds(casino_a):
    feed = Feed(casino_a)
    feed.users(user(1))
    feed.events(event(1))
    feed.configure(catalogue=BITCOIN)
    feed.users(user(1, currency="EUR", limit_left=0, timestamp=ago(days=9)))
    feed.users(user(1, timestamp=ago(days=8)))
    assert feed.shown_bets([1]) == set()


@pytest.mark.parametrize(("field", "value"), [("country", "ATLANTIS"), ("currency", "EUR")])
def test_a_stored_user_who_leaves_the_catalogue_gets_no_bets_until_a_message_within_it(casino_a, field, value):
    feed = Feed(casino_a)
    feed.users(user(1), user(2), user(3))
    feed.events(event(1))
    catalogue = BITCOIN | {"user_countries": ["ENGLAND"]}
    feed.configure(catalogue=catalogue)
    left = {"id": 800_001, field: value, "timestamp": ago(days=9)}
    assert feed.users(left, user(2, timestamp=ago(days=9)) | {field: value}) == ["updated", "updated"]
    later = [{"id": 800_000 + number, "favorite_sport": "TENNIS", "timestamp": ago(days=8)} for number in (1, 2)]
    assert feed.users(*later) == ["updated", "updated"]
    options = parse_options({"catalogue": catalogue, "default_stakes": {"BTC": 1}})
    assert feed.shown_bets([1, 2, 3], options) == {3}
    feed.users(user(1, timestamp=ago(days=7)))
    assert feed.shown_bets([1, 2, 3], options) == {1, 3}


def test_a_currency_without_known_decimals_is_a_dead_letter_that_restricts(casino_a, casino_b):
    feed = Feed(casino_a)
    feed.users(user(1))
    feed.events(event(1))
    feed.configure(catalogue={"currency_decimals": {"BTC": 8}})
    assert feed.users(user(1, currency="DOGE"), user(2, currency="BTC"), user(3, currency="XAU")) == [
        "unknown_value",
        "stored",
        "unknown_value",
    ]
    assert feed_of(casino_b, {}).users(user(2, currency="BTC")) == ["unknown_value"]
    _, is_rejection, detail = counts(casino_a)["unknown_value"]
    assert is_rejection
    assert detail.startswith("currency is no currency of ISO 4217: add its number of decimals to")
    assert feed.shown_bets([1]) == set()


def test_a_sport_too_many_is_rejected_and_closes_until_it_is_listed(casino_a):
    feed = Feed(casino_a)
    feed.events(event(1), event(2))
    with use_casino(casino_a.current):
        learn({("sport", f"SPORT {number}") for number in range(MAX_LEARNT - 1)})
    assert feed.events(event(1, sport="curling"), event(3, sport="curling"), event(4), {"id": 900_002, "odd": 3}) == [
        "too_many_values", "too_many_values", "stored", "updated",
    ]  # fmt: skip
    assert feed.recommended() == {2, 4}
    feed.configure(catalogue={"sports": ["CURLING"]})
    assert feed.events(event(3, sport="curling")) == ["stored"]


def test_a_gender_too_many_is_rejected(casino_a):
    with use_casino(casino_a.current):
        learn({("gender", f"GENDER {number}") for number in range(MAX_LEARNT)})
    assert Feed(casino_a).users(user(1), user(2, gender="GENDER 7")) == ["too_many_values", "stored"]


def test_a_favourite_sport_or_a_selection_of_any_sport_is_kept(casino_a):
    feed = feed_of(casino_a, TENNIS)
    assert feed.users(user(1, favorite_sport="football")) == ["stored"]
    with use_casino(casino_a.current):
        assert User.objects.get().favorite_sport == "FOOTBALL"
        assert not LearntValue.objects.filter(kind="sport").exists()


def test_a_removal_needs_no_catalogue(casino_a):
    feed = Feed(casino_a)
    feed.users(user(1))
    feed.configure(catalogue=BITCOIN)
    feed.send_removal(800_001)
    assert stored(casino_a, User) == set()


@pytest.mark.parametrize("options", [{"catalogue": {"sports": 5}}, {"catalogue": {"of_a_later_release": 1}}, None, {}])
def test_a_catalogue_that_cannot_be_read_loses_no_message(casino_a, options):
    Casino.objects.filter(pk=casino_a.pk).update(options=options)
    assert Feed(find_casinos([1])[1]).events(event(1)) == ["stored"]


def test_first_messages_of_few_fields_are_skipped_or_stored_as_their_fields_tell(casino_a):
    feed = feed_of(casino_a, TENNIS | {"event_countries": ["SPAIN"]})
    begin = event(1)["begin_timestamp"]
    golf = {"id": 900_001, "sport": "golf", "name": "The Open", "begin_timestamp": begin, "odd": 9}
    tennis = {"id": 900_002, "sport": "tennis", "home_team": "A", "away_team": "B", "begin_timestamp": begin, "odd": 3}
    assert feed.events(golf, tennis, tennis | {"id": 900_003, "country": "spain"}) == ["skipped", "stored", "stored"]
    options = parse_options({"catalogue": TENNIS | {"event_countries": ["SPAIN"]}})
    assert feed.recommended(options) == {3}
    assert feed.events({"id": 900_003, "sport": "golf"}) == ["updated"]
    assert feed.recommended(options) == set()


def test_of_skipped_messages_only_restrictions_of_users_wait(casino_a):
    feed = feed_of(casino_a, TENNIS | BITCOIN)
    assert feed.events(event(1, status="settled"), event(2, status="open")) == ["skipped", "skipped"]
    assert feed.users(user(1, currency="EUR", status="active")) == ["skipped"]
    assert waiting(casino_a) == set()
    feed.users(user(2, currency="EUR", status="closed"), user(3, currency="EUR", limit_left=0))
    assert waiting(casino_a) == {("800002", "status"), ("800003", "limit_left")}
