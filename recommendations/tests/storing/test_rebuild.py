"""`manage.py rebuild_profiles` gives the same values as incremental counting."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from recommendations.models import CasinoTally, UserProfile, UserTallies
from recommendations.storing import rebuild_casino_tallies, rebuild_profiles, store_coupons, store_users
from recommendations.storing.casino_tallies import merge_casino_sums
from recommendations.tests.factories import (
    CouponFactory,
    UserFactory,
    coupon_row,
    league,
    selection,
    selection_row,
    user_row,
)
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from recommendations.tests.tallies_reference import LANDMARK
from recommendations.tests.user_context_of import read_tallies
from recommendations.validation.rows import Removal
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.slow, pytest.mark.covered]


def random_coupon(rng, now, number):
    selections = [
        selection_row(
            event_id=rng.choice([None, rng.randint(1, 30)]),
            league=rng.choice("ABCDE"),
            home_team=f"H{rng.randint(1, 9)}",
            odd=Decimal(rng.randint(101, 1_200)) / 100,
            **rng.choice(
                [{}, {"market": "1X2", "outcome": "HOME"}, {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}]
            ),
        )
        for _ in range(rng.randint(1, 12))
    ]
    timestamp = now - timedelta(minutes=rng.randrange(90 * 24 * 60))
    return coupon_row(
        id=number, user_id=rng.randint(1, 4), timestamp=timestamp, stake=Decimal(rng.randint(1, 999)) / 100,
        recommended_events=tuple(selections),
    )  # fmt: skip


def known():
    """All values of the users' and the casino's tallies."""
    merge_casino_sums()
    users = {}
    for user_id in UserProfile.objects.values_list("user_id", flat=True):
        tallies = read_tallies(user_id)
        users[user_id] = (tallies.counts, tallies.weights_at(LANDMARK), tallies.recent, tallies.stakes)
    casino = {(row.attribute, row.value): (row.count, row.weight, row.trend) for row in CasinoTally.objects.all()}
    counters = list(UserProfile.objects.order_by("user_id").values_list("user_id", "coupon_count", "stake_total"))
    return users, casino, counters


@pytest.mark.parametrize("seed", range(6))
def test_a_rebuild_gives_the_values_stored_incrementally(casino_a, now, seed):
    rng = random.Random(seed)
    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in range(1, 5)])
        rows = [random_coupon(rng, now, number) for number in range(1, 200)]
        while rows:
            size = rng.randint(1, 40)
            store_coupons(rows[:size])
            rows = rows[size:]
        store_coupons([Removal(id=number, timestamp=now) for number in rng.sample(range(1, 200), 5)])
        assert_counts_equal_a_recount()
        before = known()
        assert sum(rebuild_profiles()) == 4
        rebuild_casino_tallies()
        after = known()
        assert_counts_equal_a_recount()
    assert after[2] == before[2]
    assert after[0].keys() == before[0].keys()
    for user_id, (counts, weights, recent, stakes) in before[0].items():
        assert after[0][user_id][0] == counts
        assert (after[0][user_id][2], after[0][user_id][3]) == (recent, stakes)
        for attribute, each in weights.items():
            assert after[0][user_id][1][attribute] == pytest.approx(each, rel=1e-9)


def test_a_rebuild_counts_uncounted_coupons(casino_a, casino_b, capsys):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=1)
            CouponFactory.create_batch(3, user_id=1, recommended_events=[selection(league="BY HAND")])
    call_command("rebuild_profiles", casino=[1])
    assert "1 profiles rebuilt" in capsys.readouterr().out
    with use_casino(casino_a.current):
        assert read_tallies(1).counts["league"] == {league("BY HAND"): 3}
        assert CasinoTally.objects.get(attribute="league", value=league("BY HAND")).count == 3
    with use_casino(casino_b.current):
        assert not UserTallies.objects.exists()


def test_marked_rebuilds_only_marked_profiles(casino_a, capsys):
    with use_casino(casino_a.current):
        store_users([user_row(id=1), user_row(id=2)])
        UserProfile.objects.filter(user_id=2).update(needs_rebuild=True)
    call_command("rebuild_profiles", casino=[1], marked=True)
    assert "1 profiles rebuilt" in capsys.readouterr().out
    with use_casino(casino_a.current):
        assert not UserProfile.objects.filter(needs_rebuild=True).exists()


def test_the_command_requires_casinos():
    with pytest.raises(CommandError):
        call_command("rebuild_profiles")
