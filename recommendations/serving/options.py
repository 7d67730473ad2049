"""A casino's options for its recommendations: limits, margins, caps, ages of prices, blocked and pinned events, words
for a status.

A configuration's `options` are these fields, all of them optional; `options_schema()` is their JSON Schema.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from django.conf import settings
from msgspec import Meta

from recommendations.errors import InvalidConfiguration, InvalidRow
from recommendations.models import EventStatus, MarketStatus, UserStatus
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.validation import fields
from recommendations.validation.currencies import smallest_amount
from recommendations.validation.fields import MAX_STAKE
from recommendations.validation.normal_form import upper_form
from recommendations.validation.odds import OddFormat
from recommendations.validation.own_ids import MAX_ID_TEXT, own_id
from recommendations.validation.status_words import EVENT_WORDS, MARKET_WORDS, USER_WORDS, Words, normalized
from tenants.numbers import parse_decimal

from .casino_catalogue import (
    MAX_LISTED,
    OPEN_CATALOGUE,
    Catalogue,
    Name,
    catalogue_as_stored,
    require_known_currencies,
)
from .start_times import is_time_zone

MAX_EVENTS = 20
MAX_WORDS = 200
MAX_BYTES = 65_536  # each process caches the options of up to a thousand casinos
_LEAST_STAKE = Decimal("0.00000001")

Id = Annotated[int, Meta(ge=1)] | Annotated[str, Meta(min_length=1, max_length=MAX_ID_TEXT)]
Listed = Meta(max_length=MAX_LISTED)
Cap = Annotated[int, Meta(ge=1, le=MAX_EVENTS)]
Age = Annotated[float, Meta(ge=1, le=31_536_000)]
Amount = Annotated[Decimal, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": float(MAX_STAKE)})]


class Selectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Selects events by id, league, team or sport; `markets`, by name, can only be blocked."""

    events: Annotated[tuple[Id, ...], Listed] = ()
    leagues: Annotated[tuple[Name, ...], Listed] = ()
    teams: Annotated[tuple[Name, ...], Listed] = ()
    sports: Annotated[tuple[Name, ...], Listed] = ()
    markets: Annotated[tuple[Name, ...], Listed] = ()


NO_SELECTORS = Selectors()


Word = Annotated[str, Meta(min_length=1, max_length=100)]


class StatusWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The casino's own words for a status, in addition to the built-in words, which keep their meaning."""

    events: Annotated[dict[Word, str], Meta(max_length=MAX_WORDS, description="Word: status of an event.")] = {}
    users: Annotated[dict[Word, str], Meta(max_length=MAX_WORDS, description="Word: status of a user.")] = {}
    markets: Annotated[
        dict[Word, str], Meta(max_length=MAX_WORDS, description="Word: status of a market or an outcome.")
    ] = {}


NO_STATUS_WORDS = StatusWords()


MappingOption = Annotated[
    str | dict[str, Any] | None, Meta(description="The name of a shipped mapping, or a mapping as an object.")
]


class Mappings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The mappings of the casino's Kafka messages, by topic; a topic without one has the standard format."""

    events: MappingOption = None
    users: MappingOption = None
    coupons: MappingOption = None
    odds: MappingOption = None


NO_MAPPINGS = Mappings()


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Stakes are by currency; a currency without an entry has no cap, and the settings' default stake."""

    event_limit: Annotated[Cap, Meta(description="Number of events in a slip, unless the request has a limit.")] = 3
    min_odd: Annotated[float, Meta(ge=1, le=1_000_000, description="The lowest odd of a recommended event.")] = 1.0
    max_odd: Annotated[float, Meta(gt=1, le=1_000_000, description="The highest odd of a recommended event.")] = (
        1_000_000.0
    )
    begin_margin_seconds: Annotated[
        int, Meta(ge=0, le=86_400, description="The least time until an event's begin.")
    ] = 0
    unknown_start_time_zone: Annotated[
        Name | None,
        Meta(description="Events that begin at 00:00 in this time zone, as Europe/London, have no start time yet."),
    ] = None
    live_events: Annotated[bool, Meta(description="Include live events: begun and not over.")] = False
    max_per_league: Annotated[Cap | None, Meta(description="The most events of one league in a slip.")] = None
    max_per_sport: Annotated[Cap | None, Meta(description="The most events of one sport in a slip.")] = None
    blocked: Annotated[Selectors, Meta(description="Events that are never recommended.")] = NO_SELECTORS
    pinned: Annotated[Selectors, Meta(description="Events ranked before all others, if eligible.")] = NO_SELECTORS
    max_per_market: Annotated[Cap | None, Meta(description="The most selections of one market in a slip.")] = None
    only_markets: Annotated[
        tuple[Name, ...], Listed, Meta(description="The only markets whose prices are recommended; empty: all.")
    ] = ()
    feed_silence_seconds: Annotated[
        float, Meta(ge=2, le=3_600, description="Prices are closed after this time without their producer's heartbeat.")
    ] = 10.0
    max_price_age_seconds: Annotated[
        Age | None, Meta(description="The oldest price that is recommended, in seconds; null: any.")
    ] = None
    max_live_price_age_seconds: Annotated[Age | None, Meta(description="The same for events in play.")] = 120.0
    trust_after_silence: Annotated[
        bool, Meta(description="Serve prices from before a feed's silence once the feed is heard again.")
    ] = False
    max_stakes: Annotated[dict[Name, Amount], Meta(description="The highest suggested stake, by currency.")] = {}
    default_stakes: Annotated[
        dict[Name, Amount], Meta(description="The stake for users without coupons, by currency.")
    ] = {}
    default_currency: Annotated[
        Name | None,
        Meta(description="The currency of users whose messages have none; not with catalogue.currencies."),
    ] = None
    minimum_age: Annotated[int, Meta(ge=16, le=30, description="In years.")] = 18
    allow_unknown_age: Annotated[
        bool, Meta(description="Show bets to users of unknown age: the casino has checked that all of them are of age.")
    ] = False
    lists_without_user: Annotated[
        bool,
        Meta(description="Answer similar, popular and session requests, which have no user and thus no guard rails."),
    ] = True
    attribution_hours: Annotated[
        int, Meta(ge=1, le=168, description="A bet counts for a recommendation that was served this long before it.")
    ] = 24
    share_weights: Annotated[
        bool,
        Meta(
            description="Share the weights of hybrid, but no data, with the installation's other casinos with this "
            "option, and start from the mean of their weights."
        ),
    ] = False
    fallbacks: Annotated[
        tuple[Name, ...],
        Meta(max_length=10, description="Recommenders to use, in order, if the configured one lacks data."),
    ] = ("dynamic", "trending", "soonest")
    odd_format: Annotated[
        OddFormat, Meta(description="The format of odds in messages that name none. Applies at once to new messages.")
    ] = OddFormat.DECIMAL
    status_words: Annotated[StatusWords, Meta(description="Own words for a status in messages.")] = NO_STATUS_WORDS
    catalogue: Annotated[
        Catalogue,
        Meta(
            description="The offered sports, event_countries, currencies, currency_decimals, user_countries, genders. "
            "A missing list contains all values."
        ),
    ] = OPEN_CATALOGUE
    mapping: Annotated[Mappings, Meta(description="The mappings for messages in a feed's own format.")] = NO_MAPPINGS

    def __post_init__(self) -> None:
        if self.min_odd > self.max_odd:
            raise ValueError("min_odd must not be above max_odd")
        for amounts in (self.max_stakes, self.default_stakes):
            if not all(amount.is_finite() and _LEAST_STAKE <= amount <= MAX_STAKE for amount in amounts.values()):
                raise ValueError(f"stakes must be from the currency's smallest amount to {MAX_STAKE}")


DEFAULTS = Options()
_checks: list[Callable[[Options], None]] = []
_NAMES = ("leagues", "teams", "sports", "markets")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def add_check(check: Callable[[Options], None]) -> None:
    """Add a check of posted options, for the app that uses them. It raises InvalidConfiguration."""
    _checks.append(check)


def parse_options(raw: object) -> Options:
    """Parse a casino's posted options, an object or None. Raises InvalidConfiguration, which names the field."""
    _check_amounts(raw)
    try:
        options = _as_stored(msgspec.convert({} if raw is None else raw, Options))
    except (msgspec.ValidationError, InvalidRow, UnicodeEncodeError) as error:  # the last: of a lone surrogate
        raise InvalidConfiguration(f"options: {error}") from error
    for name in options.fallbacks:
        get_recommender(name)
    if (zone := options.unknown_start_time_zone) is not None and not is_time_zone(zone):
        raise InvalidConfiguration(
            f"options: unknown_start_time_zone is {zone!r}; use a name of the IANA database, such as Europe/London"
        )
    for check in _checks:
        check(options)
    size = len(_ENCODER.encode(options))
    if size > MAX_BYTES:
        raise InvalidConfiguration(f"options have {size} bytes of JSON together; use at most {MAX_BYTES}")
    return options


def _check_amounts(raw: object) -> None:
    """Reject texts that Decimal reads but that are not in the form of JSON numbers. Raises InvalidConfiguration."""
    for name in ("max_stakes", "default_stakes"):
        amounts = raw.get(name) if isinstance(raw, dict) else None
        for currency, amount in amounts.items() if isinstance(amounts, dict) else ():
            if isinstance(amount, str) and parse_decimal(amount) is None:
                given = f"options: {name}.{currency} is {amount[:40]!r}"
                raise InvalidConfiguration(f"{given}; send a number such as 12.50")


def _as_stored(options: Options) -> Options:
    """The options with names and currencies in their stored form. Raises InvalidRow."""
    catalogue = catalogue_as_stored(options.catalogue)
    default_stakes = _amounts_by_currency("default_stakes", options.default_stakes, catalogue)
    _require_default_stakes(catalogue, default_stakes)
    currency = _default_currency(options, catalogue)
    return msgspec.structs.replace(
        options,
        default_currency=currency,
        only_markets=tuple(fields.classifier("only_markets", name) for name in options.only_markets),
        blocked=_named_as_stored("blocked", options.blocked),
        pinned=_named_as_stored("pinned", options.pinned),
        max_stakes=_amounts_by_currency("max_stakes", options.max_stakes, catalogue),
        default_stakes=default_stakes,
        status_words=_words_as_compared(options.status_words),
        catalogue=catalogue,
    )


def _default_currency(options: Options, catalogue: Catalogue) -> str | None:
    """The default currency. Raises InvalidRow if there are also listed currencies: it would apply to a user whose
    message was skipped for another currency, and whose later message has none."""
    if options.default_currency is None:
        return None
    if catalogue.currencies is not None:
        problem = "can't be used with catalogue.currencies: send each user's currency, or remove that list"
        raise InvalidRow("inconsistent", "default_currency", problem)
    currency = fields.currency("default_currency", options.default_currency)
    require_known_currencies("default_currency", [currency], catalogue)
    return currency


def _named_as_stored(field: str, selectors: Selectors) -> Selectors:
    if field == "pinned" and selectors.markets:
        raise InvalidRow("inconsistent", "pinned.markets", "can't be pinned, only events; see only_markets")
    names = {
        kind: tuple(fields.classifier(f"{field}.{kind}", name) for name in getattr(selectors, kind)) for kind in _NAMES
    }
    if selectors == NO_SELECTORS:
        return selectors
    events = tuple(own_id(f"{field}.events", each) for each in selectors.events)
    return msgspec.structs.replace(selectors, events=events, **names)


def _amounts_by_currency(field: str, amounts: dict[str, Decimal], catalogue: Catalogue) -> dict[str, Decimal]:
    """The amounts by stored currency. Raises InvalidRow for an unknown currency, or an amount below its smallest
    one."""
    found = {fields.currency(field, currency): amount for currency, amount in amounts.items()}
    require_known_currencies(field, found, catalogue)
    for currency, amount in found.items():
        smallest = smallest_amount(currency, catalogue.currency_decimals)
        if smallest is not None and amount < smallest:
            raise InvalidRow("out_of_range", field, f"has {amount:f} {currency}; must be at least {smallest:f}")
    return found


def _require_default_stakes(catalogue: Catalogue, default_stakes: dict[str, Decimal]) -> None:
    """Raises InvalidRow if a currency of the casino's own has no default stake: the settings' stake may be a fortune in
    it."""
    for currency in catalogue.currency_decimals:
        if currency not in default_stakes and currency not in settings.DEFAULT_STAKES:
            problem = f"has no {currency}: add the stake for users without coupons in this currency"
            raise InvalidRow("missing", "default_stakes", problem)


def _words_as_compared(words: StatusWords) -> StatusWords:
    """The words in normalized form. Raises InvalidRow for an invalid word or status."""
    if words == NO_STATUS_WORDS:
        return words
    return StatusWords(
        events=_own_words("events", words.events, EVENT_WORDS, EventStatus.values),
        users=_own_words("users", words.users, USER_WORDS, UserStatus.values),
        markets=_own_words("markets", words.markets, MARKET_WORDS, MarketStatus.values),
    )


def _own_words(kind: str, words: dict[str, str], built_in: Words, statuses: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word, meant in words.items():
        field, compared = f"status_words.{kind}.{word[:40]}", normalized(word)
        status = next((each for each in statuses if each.upper() == meant.strip().upper()), None)
        if status is None:
            raise InvalidRow("unknown_value", field, f"must be one of {', '.join(statuses)}")
        if not compared or compared in found:
            raise InvalidRow("inconsistent", field, "is empty or a duplicate: case, blanks, -, _ and . are ignored")
        if compared in built_in:
            raise InvalidRow("inconsistent", field, f"always means {built_in[compared]}: remove it")
        found[compared] = status
    return found


def options_as_json(options: Options) -> dict[str, Any]:
    """The options that differ from the defaults, in the form of the catalogue."""
    return msgspec.json.decode(_ENCODER.encode(options), type=dict[str, Any])


def all_options_as_json(options: Options) -> dict[str, Any]:
    """All options, including the defaults."""
    shown = {name: getattr(options, name) for name in Options.__struct_fields__}
    written = {each: {name: getattr(shown[each], name) for name in shown[each].__struct_fields__} for each in _GROUPS}
    return msgspec.json.decode(_ENCODER.encode(shown | written), type=dict[str, Any])


_GROUPS = ("blocked", "pinned", "status_words", "catalogue", "mapping")


def load_options(stored: dict[str, Any] | None) -> Options:
    """The options stored in the catalogue, which were validated when posted. Options of an earlier release may be
    larger than `parse_options` allows, and may have names in another form than events have now."""
    if not stored:
        return DEFAULTS
    options = msgspec.json.decode(msgspec.json.encode(stored), type=Options)
    return msgspec.structs.replace(options, blocked=_normalized(options.blocked), pinned=_normalized(options.pinned))


def _normalized(selectors: Selectors) -> Selectors:
    names = {kind: tuple(map(upper_form, getattr(selectors, kind))) for kind in _NAMES}
    return selectors if selectors == NO_SELECTORS else msgspec.structs.replace(selectors, **names)


def options_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a configuration's `options`."""
    schema = msgspec.json.schema(Options)
    schema["$defs"]["Options"]["properties"]["fallbacks"]["items"] = {"enum": list(RECOMMENDERS)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
