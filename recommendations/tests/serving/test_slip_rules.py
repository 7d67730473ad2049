"""No slip breaks a rule, whatever the offer, the user, the options, the clock and the recommender.

A plain Python reference checks each slip against the rows of the offer. `make slips` does it a
million times.
"""

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from recommendations.recommenders.base import BettingProfile, FittedModels
from recommendations.recommenders.neighbours import fit
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from recommendations.serving.guard_rails import GuardedUser
from recommendations.serving.options import Options, Selectors
from recommendations.serving.request_filters import RequestFilters
from recommendations.serving.slip_completion import SlipSelection
from recommendations.tallies.selections import RecentSelection
from recommendations.tallies.trends import Trends
from recommendations.tests.factories import GuardedUser as User
from recommendations.tests.factories import league as league_of
from recommendations.tests.factories import offer_of, team
from recommendations.validation.identity import Match
from recommendations.validation.rows import MatchFields
from tenants.tests.exhaustive import scaled

SLIPS = int(os.environ.get("SLIPS", scaled(2_000, 5_000)))
SLIPS_AN_OFFER = 50

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SPORTS, LEAGUES = ["FOOTBALL", "HANDBALL"], ["L1", "L2", "L3"]
TEAMS = [f"T{number}" for number in range(14)]
ODDS = ["0.9", "1", "1.001", "1.5", "2.5", "4", "40", "1000001", "NaN", "Infinity"]
COUNTRIES, CATEGORIES = ["ENGLAND", "ENGLAND", "EUROPE"], ["", "", "WOMEN"]
TEAM_KEYS, LEAGUE_KEYS = [team(name) for name in TEAMS], [league_of(name) for name in LEAGUES]
TALLIED = {
    "sport": SPORTS,
    "league": LEAGUE_KEYS,
    "home_team": TEAM_KEYS,
    "away_team": TEAM_KEYS,
    "odds_band": ["0", "5", "10"],
}
T1, T2, L1 = f"team:{team('T1')}", f"team:{team('T2')}", f"league:{league_of('L1')}"
MODEL = fit([{T1: 1.0, L1: 1.0, "sport:FOOTBALL": 2.0}, {T2: 2.0, L1: 1.0}] * 4)


def some(rng: random.Random, values: list[Any], most: int) -> tuple[Any, ...]:
    return tuple(rng.sample(values, rng.randint(0, min(most, len(values)))))


def random_event(rng: random.Random) -> dict[str, Any]:
    home, away = rng.sample(TEAMS, 2)
    begin = NOW + timedelta(minutes=rng.randint(-180, 180))
    return {
        "begin_timestamp": begin,
        "end_timestamp": begin + timedelta(minutes=rng.randint(1, 120)),
        "sport": rng.choice(SPORTS),
        "league": rng.choice(LEAGUES),
        "home_team": home,
        "away_team": away,
        "country": rng.choice(COUNTRIES),
        "category": rng.choice(CATEGORIES),
        "odd": Decimal(rng.choice(ODDS)),
    }


def random_user(rng: random.Random) -> User | None:
    if rng.random() < 0.1:
        return None
    born = date(rng.choice([1950, 2006, 2007, 2008, 2009]), rng.randint(1, 12), rng.randint(1, 28))
    return User(
        status=rng.choice(["ACTIVE"] * 6 + ["SELF_EXCLUDED", "TIME_OUT", "CLOSED"]),
        status_until=rng.choice([None, NOW - timedelta(1), NOW, NOW + timedelta(1)]),
        birth_year=born.year,
        birth_date=rng.choice([None, born]),
        currency=rng.choice(["EUR", "JPY"]),
        stake_limit=rng.choice([None, None, Decimal("0"), Decimal("0.5"), Decimal("7.77")]),
        limit_left=rng.choice([None, None, Decimal("-3"), Decimal("0.005"), Decimal("2")]),
    )


def random_selectors(rng: random.Random, events: int) -> Selectors:
    if rng.random() < 0.6:
        return Selectors()
    ids = list(range(1, events + 2))
    return Selectors(some(rng, ids, 4), some(rng, LEAGUES, 1), some(rng, TEAMS, 3), some(rng, SPORTS, 1))


def random_options(rng: random.Random, events: int) -> Options:
    return Options(
        event_limit=rng.randint(1, 8),
        min_odd=rng.choice([1.0, 1.5, 2.0]),
        max_odd=rng.choice([3.0, 1_000_000.0]),
        begin_margin_seconds=rng.choice([0, 600]),
        live_events=rng.random() < 0.3,
        max_per_league=rng.choice([None, 1, 2]),
        max_per_sport=rng.choice([None, 1, 3]),
        blocked=random_selectors(rng, events),
        pinned=random_selectors(rng, events),
        max_stakes=rng.choice([{}, {"EUR": Decimal("5.55")}]),
        minimum_age=rng.choice([18, 21]),
        fallbacks=some(rng, list(RECOMMENDERS), 2),
    )


def random_selection(rng: random.Random) -> RecentSelection:
    home, away = rng.sample(TEAMS, 2)
    return RecentSelection(0.0, None, "FOOTBALL", league_of("L1"), "X", team(home), team(away), 2.0)


def random_profile(rng: random.Random) -> BettingProfile:
    if rng.random() < 0.3:
        return BettingProfile()
    weights = {name: {value: rng.random() * 9 for value in some(rng, values, 5)} for name, values in TALLIED.items()}
    last = [random_selection(rng) for _ in range(rng.randint(0, 12))]
    pairs = tuple(rng.choice(LEAGUE_KEYS) for _ in range(3))
    return BettingProfile(
        "X",
        rng.choice(["", *SPORTS]),
        pairs,
        dict.fromkeys(TALLIED, (team("T1"), league_of("L1"))),
        weights,
        weights,
        last,
    )


def random_trends(rng: random.Random, events: int) -> Trends:
    if rng.random() < 0.3:
        return Trends()
    ids = np.array(sorted(some(rng, list(range(1, events + 3)), 9)), dtype=np.int64)
    tallies = {"league": {league_of("L1"): 3.0, "GONE": 1.0}, "home_team": {team("T3"): 2.0}}
    return Trends(tallies, tallies, ids, np.array([rng.random() * 5 for _ in ids]))


def random_slip(rng: random.Random, events: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The events that are in the slip already, by id, of which some are not in the offer."""
    if rng.random() < 0.7:
        return {}
    unknown = {len(events) + 1 + number: random_event(rng) for number in range(2)}
    return dict(some(rng, [*enumerate(events, start=1), *unknown.items()], 4))


def as_selection(rng: random.Random, event_id: int, event: dict[str, Any], is_known: bool) -> SlipSelection:
    names = ("country", "league", "home_team", "away_team", "category", "sport")
    fields = MatchFields(**{name: event[name] for name in names})
    given = [SlipSelection(event_id, fields), SlipSelection(None, fields)]
    return rng.choice([*given, SlipSelection(event_id)] if is_known else given)


def match_of(event: dict[str, Any]) -> Match:
    within = {name: event[name] for name in ("sport", "country", "category")}
    return team(event["home_team"], **within), team(event["away_team"], **within)


def is_selected(event_id: int, event: dict[str, Any], selectors: Selectors) -> bool:
    return (
        event_id in selectors.events
        or event["league"] in selectors.leagues
        or event["sport"] in selectors.sports
        or bool({event["home_team"], event["away_team"]} & set(selectors.teams))
    )


def may_be_shown(
    event_id: int, event: dict[str, Any], request: RecommendationRequest, user_context: UserContext
) -> bool:
    options, begin = request.options, event["begin_timestamp"]
    is_to_come = begin > request.now + timedelta(seconds=options.begin_margin_seconds)
    is_live = options.live_events and begin <= request.now < event["end_timestamp"]
    odd = event["odd"]
    is_odd_fine = odd.is_finite() and odd > 1 and options.min_odd <= odd <= options.max_odd
    return (
        (is_to_come or is_live)
        and is_odd_fine
        and not is_selected(event_id, event, options.blocked)
        and event_id not in request.filters.excluded
        and (not request.filters.sports or event["sport"] in request.filters.sports)
        and event_id not in user_context.held_events
        and match_of(event) not in user_context.held_matches
        and match_of(event | {"category": ""}) not in user_context.held_matches
    )


def is_refused(user: GuardedUser | None, options: Options) -> bool:
    """The rule is stricter than the law where only the year is known."""
    if user is None:
        return False
    has_ended = user.status != "CLOSED" and user.status_until is not None and user.status_until <= NOW
    if user.status != "ACTIVE" and not has_ended:
        return True
    if user.birth_date is None:
        assert user.birth_year is not None
        is_of_age = NOW.year - user.birth_year > options.minimum_age
    else:
        is_of_age = user.birth_date.replace(year=user.birth_date.year + options.minimum_age) <= NOW.date()
    unit = Decimal(1) if user.currency == "JPY" else Decimal("0.01")
    limits = [limit for limit in (user.stake_limit, user.limit_left) if limit is not None]
    return not is_of_age or any(limit < unit for limit in limits)


def check(
    events: list[dict[str, Any]],
    request: RecommendationRequest,
    user_context: UserContext,
    casino_context: CasinoContext,
    in_slip: dict[int, dict[str, Any]],
) -> None:
    slip = build_recommendation(request, user_context, casino_context, UUID(int=0))
    shown = [(event.event_id, events[event.event_id - 1]) for event in slip.recommended_events]
    options, user = request.options, user_context.user
    if is_refused(user, options):
        assert not shown
        assert not slip.stake
        assert slip.refusal
        return
    assert slip.refusal == ""
    assert user_context.personalisation or not RECOMMENDERS[slip.recommender].is_personal
    assert all(may_be_shown(event_id, event, request, user_context) for event_id, event in shown)
    assert [event.odd for event in slip.recommended_events] == [float(event["odd"]) for _, event in shown]
    teams = [team for _, event in shown for team in (event["home_team"], event["away_team"])]
    assert len(set(teams)) == len(teams)
    assert not in_slip.keys() & {event_id for event_id, _ in shown}
    assert not {team for event in in_slip.values() for team in (event["home_team"], event["away_team"])} & set(teams)
    added = Counter((event["sport"], event["country"], event["league"]) for _, event in shown)
    sports_added = Counter(event["sport"] for _, event in shown)
    together = [*(event for _, event in shown), *in_slip.values()]
    leagues = Counter((event["sport"], event["country"], event["league"]) for event in together)
    sports = Counter(event["sport"] for event in together)
    assert max((leagues[each] for each in added), default=0) <= (options.max_per_league or 99)
    assert max((sports[each] for each in sports_added), default=0) <= (options.max_per_sport or 99)
    limit = request.filters.limit or options.event_limit
    assert len(shown) <= limit
    is_pinned = [is_selected(event_id, event, options.pinned) for event_id, event in shown]
    assert is_pinned == sorted(is_pinned, reverse=True)
    if len(shown) < limit:
        assert_nothing_else_fits(events, together, request, user_context, leagues, sports)
    check_stake(slip, user_context, options)


def assert_nothing_else_fits(
    events: list[dict[str, Any]],
    together: list[dict[str, Any]],
    request: RecommendationRequest,
    user_context: UserContext,
    leagues: Counter[tuple[str, str, str]],
    sports: Counter[str],
) -> None:
    teams = {team for event in together for team in (event["home_team"], event["away_team"])}
    options = request.options
    for event_id, event in enumerate(events, start=1):
        fits = (
            may_be_shown(event_id, event, request, user_context)
            and not {event["home_team"], event["away_team"]} & teams
            and leagues[event["sport"], event["country"], event["league"]] < (options.max_per_league or 99)
            and sports[event["sport"]] < (options.max_per_sport or 99)
        )
        assert not fits, event


def check_stake(slip: Any, user_context: UserContext, options: Options) -> None:
    user = user_context.user
    if user is None:
        assert (slip.stake, slip.currency, slip.potential_return) == (0, "", 0)
        return
    unit = Decimal(1) if user.currency == "JPY" else Decimal("0.01")
    caps = [options.max_stakes.get(user.currency), user.stake_limit, user.limit_left]
    usual = [max(user_context.usual_stake, unit)] if user_context.usual_stake is not None else []
    if slip.recommended_events:
        assert unit <= slip.stake <= min(cap for cap in [*caps, *usual, Decimal(10_000)] if cap is not None)
    assert slip.stake == slip.stake.quantize(unit)
    assert slip.potential_return <= slip.stake * slip.total_odds


@pytest.mark.no_cover
@pytest.mark.scaled
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_no_slip_breaks_a_rule(name):
    rng = random.Random(f"slips of {name}")
    for _ in range(max(SLIPS // len(RECOMMENDERS) // SLIPS_AN_OFFER, 1)):
        events = [random_event(rng) for _ in range(rng.choice([0, 1, 3, 12, 40, 120]))]
        casino_context = CasinoContext(
            offer_of(*events),
            random_trends(rng, len(events)),
            FittedModels(MODEL) if rng.random() < 0.5 else FittedModels(),
        )
        for _ in range(SLIPS_AN_OFFER):
            filters = RequestFilters(
                rng.choice([None, 1, 20]), frozenset(some(rng, [1, 2, 3], 2)), frozenset(some(rng, SPORTS, 1))
            )
            options = random_options(rng, len(events))
            in_slip = random_slip(rng, events)
            request = RecommendationRequest(
                1,
                RECOMMENDERS[name],
                NOW,
                options,
                filters,
                needs_reasons=rng.random() < 0.2,
                selections=tuple(as_selection(rng, *each, each[0] <= len(events)) for each in in_slip.items()),
            )
            held = some(rng, events, 3) if rng.random() < 0.5 else ()
            user_context = UserContext(
                user_id=(user_id := rng.randint(1, 10**9)),
                own_id=user_id,
                user=random_user(rng),
                profile=random_profile(rng),
                usual_stake=rng.choice([None, Decimal("0.01"), Decimal("10"), Decimal("99.99")]),
                held_events=frozenset(some(rng, list(range(1, len(events) + 1)), 3)),
                held_matches=frozenset(map(match_of, held)),
                personalisation=rng.random() < 0.8,
            )
            check(events, request, user_context, casino_context, in_slip)
