"""A casino learns its sports, currencies and genders, up to a number of each."""

from recommendations.models import LearntValue
from recommendations.storing.learnt_values import MAX_LEARNT, learn
from tenants.routing.context import use_casino


def learnt():
    return set(LearntValue.objects.values_list("kind", "value"))


def test_values_are_learnt_once_and_in_their_casino_alone(casino_a, casino_b):
    with use_casino(casino_a.current):
        assert learn({("sport", "TENNIS"), ("currency", "KWD")}) == set()
        assert learn({("sport", "TENNIS"), ("sport", "CURLING")}) == set()
        assert learnt() == {("sport", "TENNIS"), ("sport", "CURLING"), ("currency", "KWD")}
    with use_casino(casino_b.current):
        assert learnt() == set()


def test_known_values_take_one_query_and_nothing_takes_none(casino_a, django_assert_num_queries):
    with use_casino(casino_a.current):
        learn({("sport", "TENNIS")})
        with django_assert_num_queries(1, using="casino_1"):
            learn({("sport", "TENNIS")})
        with django_assert_num_queries(0, using="casino_1"):
            assert learn([]) == set()


def test_a_sender_of_ever_new_sports_fills_no_database(casino_a):
    sports = {("sport", f"SPORT {number:04}") for number in range(MAX_LEARNT + 2)}
    with use_casino(casino_a.current):
        assert learn(sports) == {("sport", f"SPORT {number:04}") for number in range(MAX_LEARNT, MAX_LEARNT + 2)}
        assert learn({("sport", "CURLING"), ("gender", "X")}) == {("sport", "CURLING")}
        assert LearntValue.objects.count() == MAX_LEARNT + 1
        assert learn({("sport", "CURLING")}, unbounded=["sport"]) == set()
        assert ("sport", "CURLING") in learnt()
