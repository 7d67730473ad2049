"""What an experiment's users did, from `user_days`."""

from collections import defaultdict
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from recommendations.experiments.comparison import Period, Watched
from recommendations.experiments.statistics.clock import PrePeriod
from recommendations.experiments.statistics.interleaving import Credits
from recommendations.experiments.statistics.moments import KNOWN, NEWCOMERS, Moments
from recommendations.models import UserDay
from recommendations.serving.experiments.running import Metric
from tenants.routing.context import use_casino

pytestmark = [
    pytest.mark.django_db(databases=["default", "casino_1", "casino_2"]),
    pytest.mark.slow,
    pytest.mark.covered,
]

START = date(2026, 6, 1)
VARIANTS = ("control", "soon")


def day(number):
    """A day of the experiment; negative ones are before it."""
    return START + timedelta(days=number)


def bought(user_id, number, *, bets=1, stake="10"):
    """The row of all of a user's coupons of a day."""
    return UserDay(user_id=user_id, day=day(number), bets=bets, stake=Decimal(stake))


def answered(user_id, number, variant, *, experiment="trees", **more):
    """The row of a variant's answers of a day."""
    values = {"recommender": "hybrid", "experiment": experiment, "variant": variant, "answers": 1} | more
    return UserDay(user_id=user_id, day=day(number), **values)


def moments(rows, metric=Metric.BET_DAYS, until=2, variants=VARIANTS):
    UserDay.objects.bulk_create(rows)
    return Period("trees", variants, metric, START).read_moments(day(until))


@pytest.fixture
def in_casino(casino_a):
    with use_casino(casino_a.current):
        yield casino_a


def test_users_count_from_the_day_of_their_first_answer(in_casino):
    found = moments([answered(1, 1, "control"), bought(1, 0), bought(1, 1), bought(1, 2)])
    assert found.users[:, 0].sum(axis=1).tolist() == [0, 1, 1]
    assert found.y[:, 0].sum(axis=1).tolist() == [0, 1, 2]


def test_a_user_who_takes_no_part_is_not_counted(in_casino):
    found = moments([answered(1, 0, "", experiment=""), answered(2, 0, "soon", experiment="other"), bought(1, 0)])
    assert found.users.sum() == found.y.sum() == 0


def test_users_seen_before_the_start_are_known_and_the_others_newcomers(in_casino):
    rows = [answered(each, 0, "soon") for each in (1, 2, 3, 4)]
    rows += [bought(1, -28), bought(2, -29), answered(3, -1, "", experiment="")]
    found = moments(rows, until=0)
    assert found.users[0, 1].tolist() == [2, 2]
    assert found.x[0, 1, KNOWN] == 1
    assert found.x[0, 1, NEWCOMERS] == 0


def test_bets_of_a_day_are_one_day_with_a_bet(in_casino):
    found = moments([answered(1, 0, "soon"), bought(1, 0, bets=5)], until=0)
    assert found.y.sum() == 1


def test_turnover_is_capped_at_what_was_rarely_staked_before(in_casino):
    before = [bought(each, -1, stake="10") for each in range(100, 200)]
    found = moments([*before, answered(1, 0, "soon"), bought(1, 0, stake="5000")], Metric.TURNOVER, until=0)
    assert found.y.sum() == pytest.approx(10)


def test_attributed_days_are_those_of_the_experiment(in_casino):
    rows = [answered(1, 0, "soon", bets=2), answered(1, 1, "", experiment="", bets=1), answered(1, 2, "soon")]
    assert moments(rows, Metric.ATTRIBUTED_DAYS).y[-1].sum() == 1


def test_influence_counts_bets_on_slips_that_any_variant_would_have_shown(in_casino):
    rows = [
        answered(1, 0, "soon"),
        answered(1, 0, "control", answers=0, withheld=1, withheld_bets=1),
        answered(1, 1, "soon", bets=1),
        answered(1, 1, "control", answers=0, withheld=1, withheld_bets=1),
    ]
    found = moments(rows, Metric.INFLUENCE)
    assert found.users[-1].sum(axis=1).tolist() == [0, 1]
    assert found.y[-1].sum(axis=1).tolist() == [0, 2]


def test_a_holdouts_control_has_withheld_slips_alone(in_casino):
    rows = [answered(1, 0, "control", answers=0, withheld=1, withheld_bets=1), answered(2, 0, "soon", bets=1)]
    found = moments(rows, Metric.INFLUENCE, until=0)
    assert found.users[0].sum(axis=1).tolist() == found.y[0].sum(axis=1).tolist() == [1, 1]


def test_another_casinos_users_are_not_counted(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserDay.objects.bulk_create([answered(1, 0, "soon"), bought(1, 0), bought(1, -1)])
    with use_casino(casino_a.current):
        found = moments([answered(2, 0, "soon")], until=0)
    assert (found.users.sum(), found.y.sum(), found.x.sum()) == (1, 0, 0)


def test_credits_of_drafted_slips_are_summed_by_user(in_casino):
    rows = [
        answered(1, 0, "interleaved", credit_a=1),
        answered(1, 1, "interleaved", credit_a=1, credit_b=1),
        answered(1, 1, "interleaved", credit_b=1, placement="home"),
        answered(2, 1, "interleaved", credit_b=1),
        answered(3, 1, "interleaved", experiment="other", credit_a=1),
    ]
    UserDay.objects.bulk_create(rows)
    found = Period("trees", VARIANTS, Metric.BET_DAYS, START).read_credits(day(1))
    expected = [
        Credits.of_users(np.array([1.0]), np.array([0.0])),
        Credits.of_users(np.array([2.0, 0.0]), np.array([2.0, 1.0])),
    ]
    for name in ("a", "b", "aa", "bb", "ab"):
        assert getattr(found, name).tolist() == [getattr(each, name)[0] for each in expected], name


def test_nobody_has_entered(in_casino):
    assert moments([]).users.sum() == 0
    assert Period("trees", VARIANTS, Metric.BET_DAYS, START).read_pre_period().users == 0


@pytest.mark.parametrize("metric", [Metric.BET_DAYS, Metric.TURNOVER])
def test_it_equals_a_recount_of_random_rows(in_casino, metric):
    rng = np.random.default_rng(19)
    stakes: dict[int, dict[int, float]] = defaultdict(dict)
    entered, rows = {}, []
    for user_id in range(60):
        for number in sorted(rng.choice(np.arange(-35, 10), rng.integers(0, 12), replace=False).tolist()):
            stakes[user_id][number] = float(rng.integers(1, 9))
            rows.append(bought(user_id, number, stake=str(stakes[user_id][number])))
        if rng.random() < 0.8:
            entered[user_id] = int(rng.integers(0, 10))
            rows += [answered(user_id, each, VARIANTS[user_id % 2]) for each in {entered[user_id], 9}]
    cap = np.quantile([stake for each in stakes.values() for number, stake in each.items() if -28 <= number < 0], 0.99)

    def value(stake):
        return min(stake, cap) if metric is Metric.TURNOVER else 1.0

    def total(user_id, first, last):
        return sum(value(stake) for number, stake in stakes[user_id].items() if first <= number <= last)

    looks = []
    for until in range(10):
        users = np.array([each for each, since in entered.items() if since <= until])
        is_new = np.array([not total(each, -28, -1) for each in users])
        y = np.array([total(each, entered[each], until) for each in users])
        x = np.array([total(each, -28, -1) for each in users])
        looks.append(Moments.of_users(users % 2, is_new.astype(np.int64), y, x))
    expected, found = Moments.stacked(looks), moments(rows, metric, until=9)
    for name in ("users", "bettors", "y", "yy", "x", "xx", "xy"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name

    seen = [each for each in stakes if total(each, -28, -1)]
    halves = [np.array([total(each, *part) for each in seen]) for part in ((-28, -15), (-14, -1))]
    pre = Period("trees", VARIANTS, metric, START).read_pre_period()
    assert [*map(float, (pre.users, pre.x1, pre.x2, pre.x1x1, pre.x2x2, pre.x1x2))] == pytest.approx(
        [getattr(PrePeriod.of_users(*halves), each) for each in ("users", "x1", "x2", "x1x1", "x2x2", "x1x2")]
    )


@pytest.mark.parametrize("metric", [*Metric, Watched.EMPTY, Watched.REFUSED])
def test_the_database_computes_the_latest_sums_as_those_of_each_day_are_computed(in_casino, metric):
    rng, rows = np.random.default_rng(5), []
    for user_id in range(60):
        variant = VARIANTS[user_id % 2]
        for number in np.flatnonzero(rng.random(31) < 0.4) - 28:
            more = {"bets": int(rng.integers(3)), "empty": int(rng.integers(2)), "refused": int(rng.integers(2))}
            of = ("trees", variant) if number >= 0 else ("", "")
            rows.append(answered(user_id, int(number), of[1], experiment=of[0], **more))
            rows.append(bought(user_id, int(number), stake=str(rng.integers(1, 500))))
    rows.append(answered(99, 1, "late"))
    day_moments = moments(rows, metric)
    latest = Period("trees", VARIANTS, metric, START).read_latest(day(2))
    for each in fields(Moments):
        np.testing.assert_allclose(getattr(latest, each.name), getattr(day_moments, each.name)[-1:])
    assert latest.y.sum() > 0
