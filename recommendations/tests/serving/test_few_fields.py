"""One-sided events and unknown leagues and countries in slips, scores, reasons and responses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from recommendations.models.event_names import event_name
from recommendations.recommenders.base import NOBODY, BettingProfile, ScoringContext
from recommendations.recommenders.inference_score import InferenceScore
from recommendations.recommenders.registry import get_recommender
from recommendations.recommenders.trending import Trending
from recommendations.serving import slip
from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from recommendations.serving.options import Options, Selectors
from recommendations.serving.slip import Rules
from recommendations.serving.slip_completion import offered
from recommendations.tallies.selections import TallyCoupon, TallySelection
from recommendations.tallies.trends import Trends
from recommendations.tallies.user_tallies import Tallies
from recommendations.tests.factories import OPEN, league, offer_of, team
from recommendations.validation.identity import is_held, keys_of_bet, match_of

BEFORE = (OPEN - timedelta(hours=1)).timestamp()


def outright(name, **changes):
    return {"home_team": name, "away_team": ""} | changes


def chosen(*events, limit=3, **rules):
    """The ids of the events of a slip, of which the first has the highest score."""
    offer = offer_of(*events)
    scores = np.arange(len(offer), 0, -1, dtype=np.float64)
    return [place + 1 for place in slip.choose(offer, scores, Rules(now=BEFORE, limit=limit, **rules))]


def test_a_slip_has_one_one_sided_event_of_a_competition():
    events: tuple[dict[str, Any], ...] = (
        outright("WINNER"),
        outright("RELEGATED"),
        {},
        outright("WINNER", league="LA LIGA"),
    )
    assert chosen(*events) == [1, 3]
    assert chosen(*events, {"league": "SERIE A"}, limit=5) == [1, 3, 5], "one name is in a slip once"
    assert chosen(outright("WINNER"), outright("TOP", country="WALES"), outright("SCORER", sport="GOLF")) == [1, 2, 3]


def test_of_one_sided_events_without_a_league_the_name_is_the_competition():
    assert chosen(outright("TOUR", league=""), outright("TOUR", league=""), outright("GIRO", league="")) == [1, 3]


def test_unknown_leagues_are_not_one_league():
    assert chosen({"league": ""}, {"league": ""}, {}, {}, limit=4, options=Options(max_per_league=1)) == [1, 2, 3]


def test_an_unknown_country_equals_no_other():
    offer = offer_of({"country": ""}, {"country": "WALES"})
    context = ScoringContext(offer, BettingProfile(country=""))
    assert set(InferenceScore().score(context).astype(int)) == {0}


def test_what_is_unknown_in_bets_is_no_favourite():
    unknown = TallySelection("GOLF", "", "", "THE OPEN", "", odd=7.0)
    known = TallySelection("GOLF", "TOUR", "WALES", "A", "B", odd=7.0)
    tallies = Tallies()
    tallies.add(TallyCoupon(1, BEFORE, 10.0, [unknown] * 3 + [known]))
    assert tallies.top("country", 2) == ("WALES",)
    assert tallies.top("league", 2) == (league("TOUR", sport="GOLF", country="WALES"),)
    assert tallies.top("away_team", 2) == (team("B", sport="GOLF", country="WALES"),)
    assert tallies.weights_at(BEFORE)["country"].keys() == {"WALES"}
    assert tallies.counts["sport"] == {"GOLF": 4}
    assert Tallies(tallies.encode()).counts == tallies.counts


def test_reasons_call_a_one_sided_event_by_its_name_and_no_team():
    offer = offer_of(outright("THE OPEN", league=""))
    names = {name: (getattr(offer, name)[0],) for name in ("home_team", "league", "country")}
    trends = Trends(recent={"league": {offer.league[0]: 5.0}}, event_ids=offer.ids, event_trends=np.array([3.0]))
    context = ScoringContext(offer, BettingProfile(top_values=names), trends=trends)
    assert Trending().reasons(context, 0) == ["THE OPEN is popular today"]
    assert all("home team" not in reason for reason in InferenceScore().reasons(context, 0))


@pytest.mark.parametrize(
    ("bet", "event", "holds"),
    [
        (("", ""), ("ENGLAND", ""), True),
        (("", "WOMEN"), ("ENGLAND", "WOMEN"), True),
        (("", "WOMEN"), ("ENGLAND", ""), True),
        (("", "WOMEN"), ("ENGLAND", "U21"), False),
        (("ENGLAND", ""), ("", ""), True),
        (("ENGLAND", "WOMEN"), ("", "WOMEN"), True),
        (("ENGLAND", "WOMEN"), ("", "U21"), False),
        (("ENGLAND", "WOMEN"), ("", ""), True),
        (("ENGLAND", ""), ("WALES", ""), False),
    ],
)
def test_a_bet_holds_its_match_of_any_country_if_none_was_sent(bet, event, holds):
    def match(within, away="B"):
        country, category = within
        return match_of("FOOTBALL", country, category, "A", away)

    held = frozenset(keys_of_bet(match(bet)))
    assert is_held(match(event), held) is holds
    assert not is_held(match(event, away="C"), held)


def test_a_bet_on_a_one_sided_event_without_an_id_holds_it():
    held = frozenset(keys_of_bet(match_of("FOOTBALL", "ENGLAND", "", "WINNER", "")))
    assert chosen(outright("WINNER"), outright("SCORER", league="CUP"), held_matches=held) == [2]


def test_an_event_is_called_by_its_teams_or_its_name():
    assert (event_name("A", "B"), event_name("THE OPEN", "")) == ("A - B", "THE OPEN")


def with_participants(*names):
    """A match of ARSENAL, and an outright with these participants, which has the higher score."""
    offer = offer_of({"home_team": "ARSENAL"}, outright("WINNER", league="CUP"))
    return replace(offer, participants={2: names})


@pytest.mark.parametrize(("names", "places"), [(("LEEDS", "ARSENAL"), [1]), (("LEEDS",), [1, 0]), ((), [1, 0])])
def test_a_slip_has_no_team_twice_also_as_a_participant(names, places):
    found = slip.choose(with_participants(*names), np.array([1.0, 2.0]), Rules(now=BEFORE, limit=3))
    assert found == places


def test_a_blocked_team_blocks_the_one_sided_events_in_which_it_takes_part():
    offer = with_participants("MALMÖ", "LEEDS")
    for blocked, open_events in ((("malmö",), [True, False]), (("YORK",), [True, True])):
        rules = Rules(now=BEFORE, limit=3, options=Options(blocked=Selectors(teams=blocked)))
        assert list(slip.eligible(offer, rules)) == open_events


def test_an_event_that_is_in_the_slip_has_its_teams_and_participants():
    offer = with_participants("LEEDS")
    assert [offered(offer, place).teams for place in (0, 1)] == [{"ARSENAL", "A1"}, {"WINNER", "LEEDS"}]


def test_recommended_events_have_their_participants():
    offer, now = with_participants("LEEDS"), OPEN - timedelta(hours=1)
    request = RecommendationRequest(casino_id=1, recommender=get_recommender("static"), now=now)
    answer = build_recommendation(request, UserContext(1, 1, None, NOBODY), CasinoContext(offer), UUID(int=1))
    assert [each.participants for each in answer.recommended_events] == [("ARSENAL", "A1"), ("LEEDS",)]


def test_participants_follow_the_events_of_the_offer():
    offer = with_participants("LEEDS")
    renamed = offer.patched(2, replace(offer_of({}, outright("WINNER")), participants={2: ("YORK",)}))
    assert renamed.participants == {2: ("YORK",)}
    assert renamed.patched(3, offer_of(), gone=[2]).participants == {}
    assert offer.patched(2, offer_of({})).participants == {2: ("LEEDS",)}
