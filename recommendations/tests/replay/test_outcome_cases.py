"""The replay of the choice among outcomes, on files and on a casino's history."""

import json
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from recommendations.errors import InvalidHistory
from recommendations.evaluation.baselines import BASELINES
from recommendations.evaluation.evaluate import evaluate
from recommendations.evaluation.html import as_html
from recommendations.evaluation.text import as_text
from recommendations.models import ServedSlip
from recommendations.replay.casino_history import casino_history
from recommendations.replay.csv_files import read_history
from recommendations.replay.history import PastOutcome
from recommendations.replay.outcome_cases import CHOICES
from recommendations.replay.replay import ReplayPlan, replay
from recommendations.tests.factories import CouponFactory, EventFactory, UserFactory, selection
from tenants.routing.context import use_casino

EVENTS = "id,sport,league,country,home_team,away_team,odd,opens_at,begin_timestamp,end_timestamp\n"
ONE = "7,FOOTBALL,L,C,A,B,2.5,2025-06-01T10:00:00Z,2025-06-02T18:00:00Z,2025-06-02T20:00:00Z\n"
COUPONS = "id,user_id,stake,timestamp,event_ids,selections\n"
ODDS = "event_id,timestamp,odd,market,line,outcome,status\n"
OVER, UNDER = PastOutcome("TOTALS", "2.5", "OVER"), PastOutcome("TOTALS", "2.5", "UNDER")
BOTH = "7,2025-06-01T10:00:00Z,1.9,totals,2.50,over,\n7,2025-06-01T10:00:00Z,2.0,TOTALS,2.5,UNDER,open\n"


@pytest.fixture
def read(tmp_path):
    def write_and_read(coupons="", odds=BOTH, events=ONE):
        texts = {"events.csv": EVENTS + events, "coupons.csv": COUPONS + coupons, "odds.csv": ODDS + odds}
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        return read_history(*(tmp_path / name for name in texts))

    return write_and_read


def coupon(number, user, minute, outcome="OVER", events="7"):
    selections = json.dumps([["Totals", 2.5, outcome]]).replace('"', '""')
    return f'{number},{user},5,2025-06-01T12:{minute:02}:00Z,{events},"{selections}"\n'


def cases_of(history):
    return replay(history, ReplayPlan([BASELINES["random"]], test_fraction=0.99)).outcome_cases


def test_files_tell_outcomes_and_their_prices(read):
    history = read(
        coupon(1, 1, 0), BOTH + "7,2025-06-01T13:00:00Z,,TOTALS,2.5,UNDER,suspended\n7,2025-06-01T11:00:00Z,3.5,,,,\n"
    )
    assert history.coupons[0].bets == ((0, OVER),)
    assert [(each.outcome, each.odd) for each in history.price_changes] == [(OVER, 1.9), (UNDER, 2.0), (UNDER, None)]
    assert [each.odd for each in history.odds_changes] == [3.5]


def test_files_without_the_columns_have_no_outcomes(tmp_path):
    (tmp_path / "e.csv").write_text(EVENTS + ONE)
    (tmp_path / "c.csv").write_text("id,user_id,stake,timestamp,event_ids\n1,1,5,2025-06-01T12:00:00Z,7\n")
    (tmp_path / "o.csv").write_text("event_id,timestamp,odd\n7,2025-06-01T12:00:00Z,3\n")
    history = read_history(*(tmp_path / name for name in ("e.csv", "c.csv", "o.csv")))
    assert (history.coupons[0].bets, history.price_changes, len(history.odds_changes)) == ((), [], 1)
    assert evaluate(history, recommenders=[BASELINES["random"]]).outcomes is None


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("[]", "has 0 selections for 1 events"), ("{}", "must be JSON"), ('[[""A""]]', "must be JSON"),
        ('[[""A"", """", """"]]', "selections"), ('[["""", """", ""A""]]', "selections"),
    ],
)  # fmt: skip
def test_unreadable_selections_name_their_line(read, cell, problem):
    with pytest.raises(InvalidHistory, match=r"coupons.csv, line 2, column selections") as error:
        read(f'1,1,5,2025-06-01T12:00:00Z,7,"{cell}"\n')
    assert problem in str(error.value)


def test_an_unreadable_outcome_of_odds_names_its_line(read):
    with pytest.raises(InvalidHistory, match=r"odds.csv, line 2, column outcome"):
        read(odds="7,2025-06-01T10:00:00Z,1.9,TOTALS,2.5,,\n")


def test_a_bet_is_predicted_from_the_bets_before_it(read):
    cases = cases_of(read("".join(coupon(number, 1, number) for number in range(1, 30))))
    by_user = list(CHOICES).index("outcomes")
    assert cases[0].losses[by_user] == pytest.approx(0.693, abs=1e-3)
    losses = [case.losses[by_user] for case in cases]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.1
    assert [case.hits[by_user] for case in cases] == [0.5] + [1.0] * (len(cases) - 1)
    assert [case.is_first for case in cases] == [True] + [False] * (len(cases) - 1)


def test_the_odd_of_the_bets_own_moment_is_not_known_before_it(read):
    shorter = BOTH + "7,2025-06-01T12:05:00Z,1.01,TOTALS,2.5,UNDER,open\n"
    before, after = cases_of(
        read(coupon(1, 1, 0, "UNDER") + coupon(2, 2, 5, "UNDER") + coupon(3, 3, 6, "UNDER"), shorter)
    )[-2:]
    by_odd = list(CHOICES).index("shortest_odd")
    assert (before.ranks[by_odd], after.ranks[by_odd]) == (2.0, 1.0)


def test_closed_outcomes_are_no_candidates_and_a_bet_on_one_without_a_price_is_left_out(read):
    closed = BOTH + "7,2025-06-01T12:02:00Z,,TOTALS,2.5,UNDER,closed\n7,2025-06-01T12:02:00Z,9,TOTALS,2.5,EXACTLY,\n"
    history = read(coupon(1, 1, 0) + coupon(2, 1, 1) + coupon(3, 1, 3) + coupon(4, 2, 4, "UNDER"), closed)
    result = replay(history, ReplayPlan([BASELINES["random"]], test_fraction=0.99))
    assert [case.candidates for case in result.outcome_cases] == [2, 2, 2]
    assert result.unknown_outcomes == 1


def fans(read, *, users=30, events=60, seed=5):
    """Each user bets on one side nine times of ten; two in three users on OVER."""
    rng, rows, bets = random.Random(seed), [], []
    for number in range(1, events + 1):
        rows.append(ONE.replace("7,", f"{number},", 1).replace(",A,B,", f",A{number},B{number},"))
        bets += [BOTH.replace("7,2025", f"{number},2025")]
    sides = {user: "OVER" if user % 3 else "UNDER" for user in range(1, users + 1)}
    coupons = []
    for number in range(1, 801):
        user, minute, event = rng.randint(1, users), number // 16, rng.randint(1, events)
        side = sides[user] if rng.random() < 0.9 else rng.choice(["OVER", "UNDER"])
        coupons.append(coupon(number, user, minute, side, str(event)))
    return read("".join(coupons), "".join(bets), "".join(rows))


@pytest.mark.no_cover
@pytest.mark.slow
def test_the_users_own_bets_beat_the_baselines_on_users_with_habits(read):
    report = evaluate(fans(read), recommenders=[BASELINES["random"]], test_fraction=0.8)
    assert report.outcomes is not None
    results = report.outcomes.slices[0].results
    hits, losses = ({each.choice: getattr(each, name).mean for each in results} for name in ("hit", "log_loss"))
    assert hits["random"] == 0.5
    assert hits["casino_favourite"] == pytest.approx(0.65, abs=0.06)
    assert hits["outcomes"] > 0.85
    assert losses["outcomes"] < losses["casino_favourite"] < losses["random"] + 1e-9
    assert all(0 <= each.ndcg.mean <= 1 for each in results)


@pytest.mark.slow
def test_the_report_shows_the_choice_of_the_outcome(read):
    report = evaluate(fans(read), recommenders=[BASELINES["random"]], test_fraction=0.5)
    for text in (as_text(report), as_html(report)):
        assert all(name in text for name in (*CHOICES, "HIT@1", "LOG LOSS", "first bets on an event"))
    assert "Choice of the outcome" in as_html(report)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_same_history_gives_the_same_cases(read):
    history = fans(read, users=5, events=9)
    assert cases_of(history) == cases_of(history)


def bet_on(event, outcome, odd):
    return selection(event_id=event.pk, odd=odd, market=outcome.market, line=outcome.line, outcome=outcome.outcome)


def serve(user, event, outcome, odd, timestamp):
    served = {"event_id": event.pk, "odd": odd, **outcome._asdict()}
    ServedSlip.objects.create(
        recommendation_id=uuid4(), user_id=user.pk, timestamp=timestamp, recommender="static", asked_for="static",
        stake=5, currency="EUR", events=[served, {"event_id": event.pk, "odd": 3.0}],
    )  # fmt: skip


def test_a_casinos_history_has_outcomes_with_the_odds_of_coupons_and_served_events(casino_a, casino_b):
    now = datetime.now(UTC)
    with use_casino(casino_b.current):
        CouponFactory.create(user=UserFactory.create(), recommended_events=[bet_on(EventFactory.create(), UNDER, 9.0)])
    with use_casino(casino_a.current):
        user, event = UserFactory.create(), EventFactory.create()
        serve(user, event, UNDER, 2.1, now - timedelta(hours=5))
        for hours, odd in ((4, 1.9), (3, 1.9), (2, 1.8)):
            CouponFactory.create(
                user=user,
                timestamp=now - timedelta(hours=hours),
                recommended_events=[bet_on(event, OVER, odd), selection()],
            )
        history = casino_history(casino_id=1, until=now, since=now - timedelta(hours=6))
        assert [each.bets for each in history.coupons] == [((0, OVER),)] * 3
        assert history.odds_changes == []
        assert [(each.outcome, each.odd) for each in history.price_changes] == [(UNDER, 2.1), (OVER, 1.9), (OVER, 1.8)]
        assert [case.candidates for case in cases_of(history)] == [2, 2]
