"""Numbers for texts: assigned once in each casino, in any number of transactions at once."""

from itertools import chain

import pytest
from django.db import transaction

from recommendations.models import TextId
from recommendations.storing import store_users
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import user_row
from recommendations.tests.threads import run_threads, shuffled
from recommendations.text_ids import Kind, assign, id_of, is_text_id, own_id_of, texts_of
from recommendations.validation.own_ids import FIRST_TEXT_ID, MAX_OWN_ID
from tenants.routing.context import use_casino


@pytest.fixture
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def of_users(*texts):
    return [(Kind.USERS, text) for text in texts]


@pytest.mark.usefixtures("_inside_casino_a")
class TestInOneCasino:
    def test_a_text_keeps_its_number(self):
        first = assign(of_users("a", "b"))
        assert assign(of_users("b", "c", "a")).items() >= first.items()
        assert id_of(Kind.USERS, "a") == first[Kind.USERS, "a"]

    def test_case_and_kind_tell_texts_apart(self):
        numbers = assign([*of_users("a", "A"), (Kind.EVENTS, "a"), (Kind.COUPONS, "a")])
        assert len(set(numbers.values())) == 4
        assert id_of(Kind.EVENTS, "A") is None

    @pytest.mark.usefixtures("fresh_ids")
    def test_numbers_are_above_all_that_a_casino_may_choose(self):
        store_users([user_row(id=MAX_OWN_ID)])
        generated = store_users([user_row(name="Without an id")])[0].id or 0
        [number] = assign(of_users("a")).values()
        assert number >= FIRST_TEXT_ID > generated > MAX_OWN_ID
        assert is_text_id(number)
        assert not is_text_id(generated)

    def test_a_number_is_its_own_id(self):
        assert id_of(Kind.USERS, 31) == own_id_of(31) == 31

    def test_numbers_are_shown_as_their_texts(self):
        numbers = assign(of_users("a", "b"))
        assert texts_of([*numbers.values(), 31, FIRST_TEXT_ID - 1]) == {numbers[key]: key[1] for key in numbers}
        assert own_id_of(numbers[Kind.USERS, "a"]) == "a"

    def test_nothing_to_assign_or_to_look_up_costs_no_query(self, django_assert_num_queries):
        with django_assert_num_queries(0, using="casino_1"):
            assert texts_of([31]) == {}
            assert id_of(Kind.USERS, 31) == 31

    def test_texts_of_any_number_take_two_statements(self, django_assert_num_queries):
        with django_assert_num_queries(2, using="casino_1"):
            assign(of_users(*map(str, range(-2_000, 0))))

    def test_an_assignment_that_is_rolled_back_is_made_again(self):
        with transaction.atomic(using="casino_1"):
            before = assign(of_users("a"))
            transaction.set_rollback(True, using="casino_1")
        assert id_of(Kind.USERS, "a") is None
        assert assign(of_users("a")) != before


def test_each_casino_has_its_own(casino_a, casino_b):
    with use_casino(casino_a.current):
        assign(of_users("of a"))
    with use_casino(casino_b.current):
        assert id_of(Kind.USERS, "of a") is None
        assert TextId.objects.count() == 0


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_of_transactions_at_once_all_get_the_same_numbers(casino_a):
    texts = [f"user {number}" for number in range(60)]

    def work(number):
        found: dict[tuple[Kind, str], int] = {}
        for start in range(0, len(texts), 20):
            with transaction.atomic(using="casino_1"):
                found |= assign(of_users(*shuffled(texts[start : start + 20], number)))
        return found

    results = run_threads(casino_a, work)
    assert all(result == results[0] for result in results)
    assert len(set(chain.from_iterable(result.values() for result in results))) == len(texts)
