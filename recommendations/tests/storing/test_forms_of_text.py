"""Rows without an id of the casino are recognized by their text, in whatever form it comes."""

from unicodedata import normalize

import pytest
from django.utils import timezone

from recommendations.errors import InvalidRow
from recommendations.models import ErasedUser, Event, Team, User
from recommendations.serving.guard_rails import refuse
from recommendations.serving.options import DEFAULTS
from recommendations.storing import Result, store_events, store_users
from recommendations.storing.erasure import erase_user
from recommendations.tests.factories import at, event_row, user_row
from recommendations.validation.identity import former_user_keys
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

COMPOSED, DECOMPOSED = (normalize(form, "Zoë") for form in ("NFC", "NFD"))
FORMS = (COMPOSED, DECOMPOSED, "\u200bZoë", "ZOË", "Zo\u00ade\u0308 ")


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def test_a_person_whose_name_comes_in_other_forms_stays_excluded():
    store_users([user_row(name=COMPOSED, timestamp=at(0))])
    store_users([user_row(name=DECOMPOSED, status="SELF_EXCLUDED", timestamp=at(1))])
    for minute, form in enumerate(FORMS, start=2):
        store_users([user_row(name=form, timestamp=at(minute))])
    assert refuse(User.objects.get(), DEFAULTS, timezone.now()) == "self_excluded"
    assert User.objects.get().name == COMPOSED


def test_users_with_ids_of_the_casino_stay_two_even_with_one_name():
    store_users([user_row(id=1, name=COMPOSED), user_row(id=2, name=DECOMPOSED)])
    assert list(User.objects.values_list("id", "name").order_by("id")) == [(1, COMPOSED), (2, COMPOSED)]


def test_an_event_in_other_forms_is_one_event_of_two_teams():
    home, away = "Malmö FF", "Örebro"
    for minute, team in enumerate((normalize("NFC", home), normalize("NFD", home), normalize("NFKD", home))):
        store_events([event_row(home_team=team, away_team=f"\u200e{away}", timestamp=at(minute))])
    assert Event.objects.get().home_team == "MALMÖ FF"
    assert sorted(Team.objects.values_list("name", flat=True)) == ["MALMÖ FF", "ÖREBRO"]


@pytest.mark.parametrize(
    ("home", "away"), [(COMPOSED, DECOMPOSED), ("Arsenal", "Arse\u200bnal"), ("ﬁorentina", "FIORENTINA"), ("2ª", "2a")]
)
def test_a_team_in_two_forms_does_not_play_itself(home, away):
    with pytest.raises(InvalidRow) as rejected:
        event_row(home_team=home, away_team=away)
    assert (rejected.value.code, rejected.value.field) == ("inconsistent", "away_team")


@pytest.mark.parametrize("nothing", ["\u200b", "\ufeff \u00ad", "\u2800"])
def test_text_of_invisible_characters_is_empty(nothing):
    row = event_row(league=nothing, country=nothing)
    assert (row.league, row.country) == ("", "")
    with pytest.raises(InvalidRow) as rejected:
        event_row(home_team=nothing)
    assert (rejected.value.code, rejected.value.field) == ("missing", "home_team")


@pytest.mark.parametrize("form", FORMS)
def test_an_erased_user_is_not_stored_again_in_another_form(form):
    store_users([user_row(name=COMPOSED, timestamp=at(1))])
    erase_user(User.objects.get().pk, timezone.now())
    assert [outcome.result for outcome in store_users([user_row(name=form, timestamp=at(0))])] == [Result.STALE]
    assert not User.objects.exists()


@pytest.mark.parametrize("erased", [COMPOSED, DECOMPOSED, "Zoë\u200b"])
def test_a_user_erased_by_an_earlier_release_is_not_stored_again(erased):
    [key, *_] = former_user_keys(erased, "Lovelace", 1985, "England")
    ErasedUser.objects.create(user_id=7, natural_key=key, erased_at=at(5))
    forms = {erased, COMPOSED} if erased in (COMPOSED, DECOMPOSED) else {erased}
    rows = [user_row(name=form, timestamp=at(minute)) for minute, form in enumerate(sorted(forms))]
    assert {outcome.result for outcome in store_users(rows)} <= {Result.STALE, Result.DUPLICATE}
    assert not User.objects.exists()
    [later] = store_users([user_row(name=erased, timestamp=at(6))])
    assert later.result == Result.STORED
