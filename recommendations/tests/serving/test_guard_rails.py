"""The guard rails: refused users, and limits of the suggested stake."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from recommendations.serving.casino_catalogue import Catalogue
from recommendations.serving.guard_rails import refuse, round_down, suggest_stake
from recommendations.serving.options import DEFAULTS, Options
from recommendations.tests.factories import GuardedUser as User

pytestmark = pytest.mark.covered

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def test_an_active_adult_without_limits_may_be_shown_bets():
    assert refuse(User(), DEFAULTS, NOW) is None


@pytest.mark.parametrize("until", [None, datetime(2000, 1, 1, tzinfo=UTC), NOW, NOW + timedelta(days=1)])
def test_a_closed_account_stays_closed_whatever_its_end(until):
    assert refuse(User(status="CLOSED", status_until=until), DEFAULTS, NOW) == "closed"


@pytest.mark.parametrize("status", ["SELF_EXCLUDED", "TIME_OUT"])
def test_an_inactive_user_is_refused_until_the_status_ends(status):
    assert refuse(User(status=status), DEFAULTS, NOW) == status.lower()
    assert refuse(User(status=status, status_until=NOW + timedelta(seconds=1)), DEFAULTS, NOW) == status.lower()
    assert refuse(User(status=status, status_until=NOW), DEFAULTS, NOW) is None


def test_an_unknown_status_is_refused():
    assert refuse(User(status="BANNED"), DEFAULTS, NOW) == "closed"


@pytest.mark.parametrize(
    ("born", "is_refused"),
    [(date(2008, 6, 15), False), (date(2008, 6, 16), True), (date(2008, 2, 29), False), (date(2009, 1, 1), True)],
)
def test_users_come_of_age_on_their_birthday(born, is_refused):
    assert (refuse(User(birth_year=born.year, birth_date=born), DEFAULTS, NOW) == "under_age") is is_refused


@pytest.mark.parametrize(("year", "is_refused"), [(2007, False), (2008, True), (2009, True)])
def test_with_only_a_birth_year_the_birthday_is_the_end_of_the_year(year, is_refused):
    assert (refuse(User(birth_year=year), DEFAULTS, NOW) == "under_age") is is_refused


@pytest.mark.parametrize(
    ("year", "born", "is_refused"),
    [
        (2012, date(1985, 5, 5), True),
        (1985, date(2012, 5, 5), True),
        (2008, date(1985, 5, 5), True),
        (2007, date(1985, 5, 5), False),
        (1985, date(2008, 6, 15), False),
    ],
)
def test_of_birth_year_and_birth_date_the_younger_counts(year, born, is_refused):
    assert (refuse(User(birth_year=year, birth_date=born), DEFAULTS, NOW) == "under_age") is is_refused


def test_a_casino_may_raise_the_minimum_age():
    assert refuse(User(birth_year=2006), Options(minimum_age=21), NOW) == "under_age"


@pytest.mark.parametrize("left", ["0", "0.009", "-5"])
def test_a_user_whose_limit_is_used_up_is_refused(left):
    assert refuse(User(limit_left=Decimal(left)), DEFAULTS, NOW) == "limit_reached"
    assert refuse(User(stake_limit=Decimal(left)), DEFAULTS, NOW) == "limit_reached"


def test_the_usual_stake_is_suggested():
    assert suggest_stake(User(), Decimal("7.505"), DEFAULTS) == Decimal("7.50")


def test_without_coupons_the_casinos_stake_is_suggested_and_without_that_the_settings(settings):
    settings.DEFAULT_STAKE = Decimal("9.00")
    assert suggest_stake(User(), None, Options(default_stakes={"EUR": Decimal(3)})) == Decimal("3.00")
    assert suggest_stake(User(), None, Options(default_stakes={"USD": Decimal(3)})) == Decimal("9.00")


@pytest.mark.parametrize(
    ("user", "options"),
    [
        (User(stake_limit=Decimal(4)), DEFAULTS),
        (User(limit_left=Decimal(4)), DEFAULTS),
        (User(), Options(max_stakes={"EUR": Decimal(4)})),
        (User(stake_limit=Decimal(5), limit_left=Decimal(4)), Options(max_stakes={"EUR": Decimal(6)})),
    ],
)
def test_no_stake_is_above_any_limit(user, options):
    assert suggest_stake(user, Decimal(50), options) == Decimal("4.00")


def test_another_currencys_cap_does_not_count():
    assert suggest_stake(User(), Decimal(50), Options(max_stakes={"USD": Decimal(4)})) == Decimal("50.00")


def test_yen_are_rounded_down_to_whole_ones():
    assert suggest_stake(User(currency="JPY"), Decimal("1234.99"), DEFAULTS) == Decimal(1234)


@pytest.mark.parametrize(("cap", "refusal"), [("0.99", "limit_reached"), ("1", None)])
def test_a_cap_below_the_smallest_payable_amount_is_a_refusal(cap, refusal):
    assert refuse(User(currency="JPY"), Options(max_stakes={"JPY": Decimal(cap)}), NOW) == refusal


def test_at_least_the_smallest_payable_amount_is_suggested():
    assert suggest_stake(User(currency="JPY"), Decimal("0.50"), DEFAULTS) == Decimal(1)
    assert suggest_stake(User(), Decimal("0.001"), DEFAULTS) == Decimal("0.01")


BITCOIN = Options(catalogue=Catalogue(currency_decimals={"BTC": 8}), default_stakes={"BTC": Decimal("0.0002")})


@pytest.mark.parametrize(
    ("currency", "usual", "suggested"),
    [
        ("JPY", "1500.99", "1500"), ("KWD", "2.5559", "2.555"), ("CLF", "1.00009", "1.0000"), ("EUR", "2.559", "2.55"),
        ("BTC", "0.000123456", "0.00012345"), ("BTC", "0.0000000001", "0.00000001"), ("KWD", "0.0001", "0.001"),
    ],
)  # fmt: skip
def test_a_stake_is_rounded_down_to_the_currencys_own_decimals(currency, usual, suggested):
    assert f"{suggest_stake(User(currency=currency), Decimal(usual), BITCOIN):f}" == suggested


def test_default_stakes_are_by_currency(settings):
    settings.DEFAULT_STAKE, settings.DEFAULT_STAKES = Decimal("10.00"), {"JPY": Decimal(1500)}
    stakes = {currency: suggest_stake(User(currency=currency), None, BITCOIN) for currency in ("EUR", "JPY", "BTC")}
    assert stakes == {"EUR": Decimal("10.00"), "JPY": Decimal(1500), "BTC": Decimal("0.0002")}


def test_the_stake_of_the_settings_is_never_one_in_a_casinos_own_currency():
    """As with options of before the settings lost that currency."""
    options = Options(catalogue=Catalogue(currency_decimals={"BTC": 8}))
    assert suggest_stake(User(currency="BTC"), None, options) == Decimal("0.00000001")


@pytest.mark.parametrize("currency", ["BTC", "XAU", "XXX", "EURO"])
def test_a_currency_whose_decimals_are_unknown_is_refused(currency):
    assert refuse(User(currency=currency), DEFAULTS, NOW) == "currency_not_offered"
    assert round_down(Decimal(5), DEFAULTS.catalogue.smallest_amount(currency)) == 0
    assert refuse(User(currency="BTC"), BITCOIN, NOW) is None


def test_users_of_a_currency_or_country_that_is_no_longer_offered_are_refused_at_once():
    options = Options(catalogue=Catalogue(currencies=("KWD",), user_countries=("MALTA",)))
    assert refuse(User(currency="KWD", country="MALTA"), options, NOW) is None
    assert refuse(User(currency="EUR", country="MALTA"), options, NOW) == "currency_not_offered"
    assert refuse(User(currency="KWD", country="SPAIN"), options, NOW) == "country_not_offered"


def test_an_excluded_user_of_another_currency_is_refused_as_excluded():
    assert refuse(User(status="SELF_EXCLUDED", currency="DOGE"), DEFAULTS, NOW) == "self_excluded"


@pytest.mark.parametrize(("left", "refusal"), [("0.00000001", None), ("0.000000009", "limit_reached")])
def test_a_limit_is_compared_with_the_currencys_smallest_amount(left, refusal):
    assert refuse(User(currency="BTC", limit_left=Decimal(left)), BITCOIN, NOW) == refusal
