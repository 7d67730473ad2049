"""A casino's options for its recommendations."""

import json
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from recommendations.errors import InvalidConfiguration
from recommendations.serving.casino_catalogue import Catalogue
from recommendations.serving.guard_rails import suggest_stake
from recommendations.serving.options import (
    DEFAULTS,
    Options,
    Selectors,
    all_options_as_json,
    load_options,
    options_as_json,
    options_schema,
    parse_options,
)
from recommendations.tests.factories import GuardedUser

GIVEN = {
    "event_limit": 5,
    "min_odd": 1.2,
    "live_events": True,
    "blocked": {"teams": ["ARSENAL"], "events": [7]},
    "max_stakes": {"EUR": 12.5},
    "fallbacks": ["soonest"],
}
SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "options.schema.json"


@pytest.mark.parametrize("nothing", [None, {}])
def test_empty_options_are_the_defaults(nothing):
    assert parse_options(nothing) == load_options(nothing) == DEFAULTS
    assert options_as_json(DEFAULTS) == {}


def test_posted_options_are_parsed_stored_and_loaded():
    options = parse_options(GIVEN)
    assert options == Options(
        event_limit=5,
        min_odd=1.2,
        live_events=True,
        blocked=Selectors(teams=("ARSENAL",), events=(7,)),
        max_stakes={"EUR": Decimal("12.5")},
        fallbacks=("soonest",),
    )
    assert options_as_json(options) == GIVEN
    assert load_options(options_as_json(options)) == options


def test_names_and_currencies_are_normalised():
    options = parse_options({"max_stakes": {"eur ": 5}, "blocked": {"leagues": [" premier  league"]}})
    assert (options.max_stakes, options.blocked.leagues) == ({"EUR": Decimal(5)}, ("PREMIER LEAGUE",))


@pytest.mark.parametrize("name", ["Malm\u00f6 FF", "malmo\u0308  ff", "\u200bMALMÖ FF"])
def test_names_are_compared_in_one_form_also_if_an_earlier_release_stored_them(name):
    assert parse_options({"blocked": {"teams": [name]}}).blocked.teams == ("MALMÖ FF",)
    assert load_options({"pinned": {"leagues": [name], "events": [7]}}).pinned == Selectors(
        leagues=("MALMÖ FF",), events=(7,)
    )


def test_a_time_zone_must_exist():
    assert parse_options({"unknown_start_time_zone": "Europe/London"}).unknown_start_time_zone == "Europe/London"
    for name in ("Europe/Londn", "../../etc/passwd", "/etc", "Europe", "CEST+2x", "\x00"):
        with pytest.raises(InvalidConfiguration, match="use a name of the IANA database"):
            parse_options({"unknown_start_time_zone": name})


def test_options_are_limited_in_size():
    leagues = [f"LEAGUE {number} ".ljust(60, "X") for number in range(1_000)]
    assert parse_options({"blocked": {"leagues": leagues}})
    with pytest.raises(InvalidConfiguration, match=r"options have \d+ bytes of JSON together; use at most 65536"):
        parse_options({"blocked": {"leagues": leagues}, "pinned": {"teams": leagues}})


def test_all_options_as_json_include_the_defaults():
    shown = all_options_as_json(parse_options(GIVEN))
    assert list(shown) == list(Options.__struct_fields__)
    assert shown["blocked"] == {"events": [7], "leagues": [], "teams": ["ARSENAL"], "sports": [], "markets": []}
    assert parse_options(shown) == parse_options(GIVEN)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "object"),
        ("{}", "object"),
        ({"event_limit": 0}, "event_limit"),
        ({"event_limit": 21}, "event_limit"),
        ({"event_limit": "3"}, "event_limit"),
        ({"min_odd": 0.5}, "min_odd"),
        ({"min_odd": 3, "max_odd": 2}, "min_odd"),
        ({"begin_margin_seconds": -1}, "begin_margin_seconds"),
        ({"max_per_league": 0}, "max_per_league"),
        ({"blocked": {"event": [1]}}, "event"),
        ({"blocked": {"events": ["x "]}}, "events"),
        ({"pinned": {"teams": [""]}}, "teams"),
        ({"pinned": {"events": [1] * 1_001}}, "events"),
        ({"max_stakes": {"EUR": 0}}, "stakes"),
        ({"max_stakes": {"EUR": 0.001}}, "stakes"),
        ({"default_stakes": {"EUR": 1e30}}, "stakes"),
        ({"max_stakes": {"EURO": 5}}, "max_stakes"),
        ({"max_odd": 1e999}, "max_odd"),
        ({"blocked": {"teams": ["\ud800"]}}, "blocked.teams"),
        ({"event_limit": "\ud800"}, "surrogates not allowed"),
        ({"max_stakes": {"EUR": "NaN"}}, "stakes"),
        ({"minimum_age": 12}, "minimum_age"),
        ({"fallbacks": ["oracle"]}, "oracle"),
        ({"speed": 1}, "speed"),
    ],
)
def test_invalid_options_are_rejected_by_name(given, field):
    with pytest.raises(InvalidConfiguration, match=field):
        parse_options(given)


def test_the_exported_schema_is_that_of_the_struct():
    assert json.loads(SCHEMA.read_text()) == json.loads(msgspec.json.encode(options_schema()))


def test_own_words_for_a_status_are_compared_in_one_form():
    words = {"events": {"Spiel-Verlegt": "suspended"}, "users": {"gesperrt": "closed"}, "markets": {"F.R.E.I.": "OPEN"}}
    options = parse_options({"status_words": words})
    assert options.status_words.events == {"spielverlegt": "SUSPENDED"}
    assert options.status_words.users == {"gesperrt": "CLOSED"}
    assert options.status_words.markets == {"frei": "open"}
    assert load_options(options_as_json(options)) == options


@pytest.mark.parametrize(
    "words",
    [
        {"events": {"Suspended": "open"}},
        {"events": {"F.T.": "open"}},
        {"users": {"self excluded": "active"}},
        {"users": {"sleeping": "asleep"}},
        {"markets": {"Closed": "open"}},
        {"markets": {"running": "live"}},
        {"events": {"-": "open"}},
        {"events": {"a b": "open", "ab": "suspended"}},
        {"events": {"": "open"}},
        {"events": {"x" * 101: "open"}},
        {"events": {f"word {number}": "open" for number in range(201)}},
        {"coupons": {}},
    ],
)
def test_words_that_are_built_in_unclear_or_too_many_are_refused(words):
    with pytest.raises(InvalidConfiguration, match=r"status_words|length|unknown field"):
        parse_options({"status_words": words})


def test_a_highest_stake_is_rounded_down():
    user = GuardedUser(currency="EUR")
    options = parse_options({"max_stakes": {"EUR": "7.996"}, "default_stakes": {"EUR": 50}})
    assert suggest_stake(user, None, options) == Decimal("7.99")


CATALOGUE = {
    "sports": ["tennis", "Curling "],
    "event_countries": ["spain"],
    "currencies": ["btc", "KWD"],
    "currency_decimals": {"btc": 8},
    "user_countries": ["Malta"],
    "genders": ["x"],
}


def test_a_catalogue_is_stored_in_the_form_of_rows():
    options = parse_options({"catalogue": CATALOGUE, "default_stakes": {"BTC": "0.0002"}})
    assert options.catalogue == Catalogue(
        sports=("TENNIS", "CURLING"),
        event_countries=("SPAIN",),
        currencies=("BTC", "KWD"),
        currency_decimals={"BTC": 8},
        user_countries=("MALTA",),
        genders=("X",),
    )
    assert load_options(options_as_json(options)) == options
    assert all_options_as_json(DEFAULTS)["catalogue"] == {
        "sports": None, "event_countries": None, "currencies": None, "currency_decimals": {}, "user_countries": None,
        "genders": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("catalogue", "named"),
    [
        ({"sports": []}, "sports"),
        ({"sports": ["x" * 51]}, "catalogue.sports has 51"),
        ({"sports": [""]}, "catalogue.sports"),
        ({"sports": [f"sport {number}" for number in range(1_001)]}, "sports"),
        ({"sports": "TENNIS"}, "sports"),
        ({"genders": ["a\x00b"]}, "catalogue.genders"),
        ({"currencies": ["BTC"]}, "catalogue.currencies has BTC, which is no currency of ISO 4217"),
        ({"currencies": ["XAU"]}, "catalogue.currencies has XAU"),
        ({"currency_decimals": {"JPY": 2}}, "catalogue.currency_decimals has JPY with 2 decimals"),
        ({"currency_decimals": {"ETH": 18}}, "currency_decimals"),
        ({"currency_decimals": {"ETH": -1}}, "currency_decimals"),
        ({"currency_decimals": {"ETH": True}}, "currency_decimals"),
        ({"currency_decimals": {"b-c": 2}}, "catalogue.currency_decimals must be a code"),
        ({"currency_decimals": {"btc": 8, "BTC": 8}}, "catalogue.currency_decimals has a code twice"),
        ({"currency_decimals": {"BTC": 8}}, "default_stakes has no BTC"),
        ({"colours": []}, "colours"),
    ],
)
def test_a_catalogue_that_cannot_be_is_refused_by_name(catalogue, named):
    with pytest.raises(InvalidConfiguration, match=re.escape(named)):
        parse_options({"catalogue": catalogue})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"default_currency": "DOGE"}, "default_currency has DOGE"),
        ({"default_currency": "$"}, "default_currency must be a code"),
        ({"default_currency": "EUR", "catalogue": {"currencies": ["EUR"]}}, "default_currency can't be used with"),
    ],
)
def test_a_default_currency_that_can_not_be_is_refused(options, named):
    with pytest.raises(InvalidConfiguration, match=re.escape(named)):
        parse_options(options)


@pytest.mark.parametrize(
    ("stakes", "named"),
    [
        ({"JPY": "0.5"}, "has 0.5 JPY; must be at least 1"),
        ({"KWD": "0.0005"}, "has 0.0005 KWD; must be at least 0.001"),
        ({"DOGE": 5}, "has DOGE, which is no currency of ISO 4217"),
        ({"$": 5}, "must be a code"),
    ],
)
@pytest.mark.parametrize("option", ["max_stakes", "default_stakes"])
def test_stakes_must_be_payable_in_their_currency(option, stakes, named):
    with pytest.raises(InvalidConfiguration, match=f"options: {option} {re.escape(named)}"):
        parse_options({option: stakes})


def test_the_settings_may_have_the_default_stake_of_a_casinos_own_currency(settings):
    settings.DEFAULT_STAKES = {"BTC": Decimal("0.0001")}
    options = parse_options({"catalogue": {"currency_decimals": {"BTC": 8}}})
    assert suggest_stake(GuardedUser(currency="BTC"), None, options) == Decimal("0.0001")
