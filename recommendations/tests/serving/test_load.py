"""The user context, built from the user's row and coupons."""

from datetime import timedelta
from decimal import Decimal

import pytest

from recommendations.models import OfferChange, User, UserProfile
from recommendations.offer import read_offer
from recommendations.recommenders.hybrid_features.bet_sequences import SequenceCounts
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.serving.engine import CasinoContext, RecommendationRequest
from recommendations.serving.load import build_user_context, find
from recommendations.serving.options import DEFAULTS
from recommendations.serving.preview import preview_configuration, preview_recommenders
from recommendations.storing import store_coupons, store_users
from recommendations.tallies.packed_tallies import MAX_BYTES
from recommendations.tests.factories import (
    EventFactory,
    TalliedCouponFactory,
    UserFactory,
    coupon_row,
    league,
    offer_of,
    selection,
    team,
    user_row,
)
from recommendations.tests.recommend import recommend
from recommendations.tests.tallies.test_user_tallies import packed_with
from recommendations.tests.user_context_of import found_user
from recommendations.validation.identity import name_of
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow


@pytest.fixture
def user(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create(id=1)
        TalliedCouponFactory.create_batch(5, user_id=1, recommended_events=[selection(league="OF CASINO B")])
    with use_casino(casino_a.current):
        yield UserFactory.create(id=1, country="SPAIN", favorite_sport="HANDBALL")


def bet(*selections, user_id=1):
    TalliedCouponFactory.create(user_id=user_id, recommended_events=list(selections))


def user_context(name, now, *, needs_reasons=False):
    request = RecommendationRequest(1, get_recommender(name), now, needs_reasons=needs_reasons)
    return build_user_context(found_user(1), request, CasinoContext(offer_of({})))


def top_values(now):
    return user_context("inference_score", now).profile.top_values


def test_the_user_context_needs_no_further_query(user, now, django_assert_num_queries):
    bet(selection())
    found, request = found_user(1), RecommendationRequest(1, get_recommender("hybrid"), now, needs_reasons=True)
    with django_assert_num_queries(0, connection=casino_connection()):
        profile = build_user_context(found, request, CasinoContext(offer_of({}))).profile
    assert (profile.country, profile.favorite_sport) == ("SPAIN", "HANDBALL")
    assert profile.counts["home_team"] == {team("ARSENAL"): 1}
    assert [name_of(each.home_team) for each in profile.recent] == ["ARSENAL"]


def test_profile_parts_that_the_recommender_does_not_need_are_not_computed(user, now):
    bet(selection())
    profile = user_context("static", now).profile
    assert (profile.favorite_pairs, profile.counts, profile.recent) == ((), {}, ())


def test_favourite_pairs_are_computed_if_needed(user, now):
    bet(selection(league="L"))
    assert user_context("inference", now).profile.favorite_pairs == (league("L"), league())


def test_the_two_most_frequent_values_of_each_attribute_are_the_top_two(user, now):
    bet(selection(league="B", country="X"), selection(league="A", country="Y"))
    bet(selection(league="B", country="X"), selection(league="C", country="X"))
    bet(selection(league="A", country="Y"), selection(league="B", country="Z"))
    values = top_values(now)
    assert (values["league"], values["country"]) == ((league("B", country="X"), league("A", country="Y")), ("X", "Y"))
    assert values["sport"] == ("FOOTBALL",)
    assert values["home_team"] == (team("ARSENAL", country="X"), team("ARSENAL", country="Y"))
    assert values["away_team"] == (team("CHELSEA", country="X"), team("CHELSEA", country="Y"))


def test_equally_frequent_values_are_ordered_alphabetically(user, now):
    bet(*[selection(league=league) for league in ("C", "A", "D", "B")])
    assert top_values(now)["league"] == (league("A"), league("B"))


def test_coupons_of_all_times_count(user, now):
    TalliedCouponFactory.create(
        user_id=1, timestamp=now.replace(year=2001), recommended_events=[selection(league="OLD")]
    )
    assert top_values(now)["league"] == (league("OLD"),)


def test_coupons_of_others_do_not_count(user, now):
    bet(selection(league="THEIRS"), user_id=2)
    assert top_values(now) == dict.fromkeys(("sport", "league", "country", "home_team", "away_team"), ())


@pytest.mark.parametrize("broken", [{}, {"sport": "FOOTBALL"}, selection(league=None), selection(home_team="")])
def test_a_selection_that_lacks_an_attribute_is_ignored(user, now, broken):
    bet(broken, selection(league="WHOLE"))
    values = top_values(now)
    assert (values["league"], values["sport"]) == ((league("WHOLE"),), ("FOOTBALL",))


def test_weights_halve_in_thirty_days(user, now):
    TalliedCouponFactory.create(user_id=1, timestamp=now - timedelta(days=30))
    hour = now.replace(minute=0, second=0, microsecond=0)
    weight = user_context("profile", hour).profile.weights["league"][league()]
    assert weight == pytest.approx(0.5, abs=0.001)


def test_events_in_the_users_coupons_are_identified_by_id_or_else_by_match(user, now):
    bet(selection(home_team="A"), selection(home_team="B", event_id=7))
    held = user_context("static", now)
    assert (held.held_events, held.held_matches) == ({7}, {(team("A"), team("CHELSEA"))})


def test_a_user_without_coupons_has_no_usual_stake(user, now):
    assert user_context("soonest", now).usual_stake is None
    UserProfile.objects.create(user=user)
    assert user_context("soonest", now).usual_stake is None


def store_stakes(stakes, times):
    rows = [
        coupon_row(stake=Decimal(stake), timestamp=timestamp) for stake, timestamp in zip(stakes, times, strict=True)
    ]
    store_users([user_row(id=1)])
    store_coupons(rows)


@pytest.mark.parametrize(
    ("stakes", "usual"),
    [
        (["1.00"], "1.00"),
        (["1.00", "2.00", "90.00"], "2.00"),
        (["1.00", "2.00"], "1.50"),
        (["0.01"] * 49 + ["5.00"] * 50, "5.00"),
    ],
)
def test_the_usual_stake_is_the_median_of_the_newest_fifty(casino_a, now, stakes, usual):
    with use_casino(casino_a.current):
        store_stakes(stakes, [now - timedelta(hours=199 - age) for age in range(len(stakes))])
        assert user_context("soonest", now).usual_stake == Decimal(usual)


@pytest.mark.parametrize(("today", "usual"), [("90.00", "10.00"), ("2.00", "2.00")])
def test_the_stakes_of_a_day_may_lower_the_usual_one_but_never_raise_it(casino_a, now, today, usual):
    with use_casino(casino_a.current):
        before, last = [now - timedelta(days=3)] * 3, [now - timedelta(hours=1)] * 5
        store_stakes(["10.00"] * 3 + [today] * 5, before + last)
        assert user_context("soonest", now).usual_stake == Decimal(usual)


def served_stake(now):
    return recommend(casino_id=1, recommender_type="soonest", user_id=1, now=now).stake


@pytest.fixture
def three_coupons(casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create()
        store_stakes(["90.00"] * 3, [now - timedelta(days=days) for days in (5, 4, 3)])
        yield


def test_stakes_in_a_previous_currency_are_ignored(three_coupons, settings, now):
    settings.DEFAULT_STAKE = Decimal("10.00")
    store_users([user_row(id=1, currency="USD", timestamp=now - timedelta(days=2))])
    assert served_stake(now) == Decimal("10.00")
    store_coupons([coupon_row(stake=Decimal("7.00"), timestamp=now - timedelta(days=1, hours=1))])
    assert served_stake(now) == Decimal("7.00")


def test_currency_changed_by_hand_counts_from_that_moment(three_coupons, settings, now):
    settings.DEFAULT_STAKE = Decimal("10.00")
    User.objects.filter(pk=1).update(currency="USD")
    assert served_stake(now + timedelta(minutes=1)) == Decimal("10.00")


def test_other_changes_of_the_users_row_keep_the_usual_stake(three_coupons, now):
    store_users([user_row(id=1, country="FRANCE", timestamp=now)])
    assert served_stake(now) == Decimal("90.00")


CALLS = "SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'offered_changes_since_2'"


def change_offer(now):
    """Cache the offer, then change it 500 times."""
    read_offer(now)
    for _ in range(500):
        EventFactory.create(league="A LEAGUE OF A LONG NAME " * 4)


def execute(sql):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None


def bytes_read(user_ids, now, known_version):
    """The size of the result of a request's query, if the cached offer had this version."""
    queries = []

    def note(run, sql, parameters, many, context):
        queries.append((sql, parameters))
        return run(sql, parameters, many, context)

    with casino_connection().execute_wrapper(note):
        find(user_ids, now, now.timestamp())
    sql, parameters = queries[0]
    with casino_connection().cursor() as cursor:
        size = f"SELECT sum(octet_length(answer::text)) FROM ({sql}) AS answer"
        cursor.execute(size, parameters | {"offer_version": known_version})
        return cursor.fetchone()[0]


@pytest.mark.covered
def test_changes_of_the_offer_are_computed_once_for_a_batch(user, now):
    users = [1, *(UserFactory.create(id=number).pk for number in range(1_001, 1_006))]
    change_offer(now)
    execute("SET LOCAL track_functions = 'pl'")
    find(users, now, now.timestamp())
    assert execute(CALLS) == (1,)


@pytest.mark.covered
def test_a_batch_reads_the_casinos_columns_once(user, now):
    users = [1, *(user.pk for user in UserFactory.create_each({"id": number} for number in range(1_001, 1_061)))]
    change_offer(now)
    known = OfferChange.objects.order_by("-version")[400].version
    of_one = bytes_read([1], now, known)
    assert of_one > 50_000
    assert bytes_read(users, now, known) < 1.5 * of_one


def test_known_and_unknown_users_of_a_batch_are_found_in_the_casinos_context(user, now):
    event = EventFactory.create()
    assert find([7, 8], now, now.timestamp()).users == {}
    found = find([1, 7, 1], now, now.timestamp())
    assert [*found.users] == [1]
    assert found.casino_context.offer.ids.tolist() == [event.pk]


@pytest.mark.parametrize("recommender", ["hybrid", "trending"])
def test_bets_are_counted_only_for_recommenders_that_need_them(user, now, recommender, django_assert_num_queries):
    needs, later = RECOMMENDERS[recommender].needs, now + timedelta(minutes=1)
    find([1], now, now.timestamp(), needs)
    with django_assert_num_queries(2 if recommender == "hybrid" else 1, connection=casino_connection()):
        found = find([1], later, now.timestamp(), needs)
    assert (found.casino_context.models.get(SequenceCounts) is not None) == (recommender == "hybrid")


@pytest.mark.parametrize("recommender", ["hybrid", "trending"])
def test_previews_count_bets_only_for_recommenders_that_need_them(user, now, recommender, django_assert_num_queries):
    number, later = 2 if recommender == "hybrid" else 1, now + timedelta(minutes=1)
    preview_recommenders(casino_id=1, user_id=1, now=now, names=[recommender])
    with django_assert_num_queries(number, connection=casino_connection()):
        preview_recommenders(casino_id=1, user_id=1, now=later, names=[recommender])
    later += timedelta(minutes=1)
    with django_assert_num_queries(number, connection=casino_connection()):
        preview_configuration(
            casino_id=1, recommender_type=recommender, schema=(), options=DEFAULTS, user_id=1, now=later
        )


def test_favourite_pairs_that_are_too_many_are_computed_again(user, now):
    bet(selection(league="L"))
    pairs = "SELECT jsonb_agg(jsonb_build_array('FOOTBALL', 'L' || i, 'ENGLAND')) FROM generate_series(1, 100000) AS i"
    execute(f"UPDATE users_profile SET favorite_sport_league_json = ({pairs})")
    assert found_user(1).favorite_pairs is None
    pairs = user_context("inference", now).profile.favorite_pairs
    assert pairs[0] == league("L")
    assert UserProfile.objects.get().favorite_sport_league_json == [
        ["FOOTBALL", name_of(each), "ENGLAND"] for each in pairs
    ]


@pytest.mark.parametrize("needs_rebuild", [False, True])
def test_a_coupon_that_is_too_large_is_not_read(three_coupons, now, needs_rebuild):
    store_coupons([coupon_row(stake=Decimal("7.00"))])
    grown = "jsonb_build_array(jsonb_build_object('x', repeat('x', 2000000)))"
    execute(f"UPDATE purchased_coupons SET recommended_events = {grown} WHERE stake = 7")
    execute(f"UPDATE users_profile SET needs_rebuild = {needs_rebuild}")
    assert "xx" not in (found_user(1).pending_coupons or "")
    assert served_stake(now) == Decimal("90.00")


def test_coupons_that_are_too_many_count_as_none(three_coupons, settings, now):
    settings.DEFAULT_STAKE = Decimal("10.00")
    grown = "jsonb_build_array(jsonb_build_object('x', repeat('x', 1000000)))"
    many = f"SELECT 1, 90, now(), {grown} FROM generate_series(1, 70)"
    execute(f"INSERT INTO purchased_coupons (user_id, stake, timestamp, recommended_events) {many}")
    execute("UPDATE users_profile SET needs_rebuild = true")
    assert found_user(1).pending_coupons is None
    assert served_stake(now) == Decimal("10.00")


UNREADABLE = {
    "another release's": b"\x91\x63",
    "too large": b"\x00" * (MAX_BYTES + 1),
    "a cut selection": packed_with(coupons=[[1e9, 1, 1, [1, 2, 3]]]),
    "an endless time": packed_with(coupons=[[float("inf"), 1, 1, []]]),
    "an unknown word": packed_with(coupons=[[1e9, 1, 1, [0, 0, 0, 0, 9, 0, 2_000]]]),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_tallies_are_recounted_from_the_coupons(three_coupons, now, name):
    with casino_connection().cursor() as cursor:
        cursor.execute("INSERT INTO user_tallies (user_id, tallies) VALUES (1, %s)", [UNREADABLE[name]])
        cursor.execute("UPDATE users_profile SET pending_coupon_ids = '{}'")
    assert served_stake(now) == Decimal("90.00")
