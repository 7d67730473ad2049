"""Messages of a casino with too many rejections are parked; the consumer stops if nearly all casinos have too many."""

import pytest

from ingestion.errors import RejectionLimitExceeded, TooManyRejections
from ingestion.storing import rejection_limit
from ingestion.storing.rejection_limit import RejectionLimit
from ingestion.tests.decoded_messages import decoded_message
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS

GOOD = decoded_message(USERS, user(), offset=1)
BAD = decoded_message(USERS, user(currency="$"), offset=2)


@pytest.fixture(autouse=True)
def limits(settings):
    settings.INGESTION_REJECTION_WINDOW = 20
    settings.INGESTION_REJECTION_RATIO = 0.5
    settings.INGESTION_REJECTION_RUN = 12


@pytest.fixture
def limit(monkeypatch):
    """The limit of a consumer that has run for long."""
    monkeypatch.setattr(rejection_limit, "WARM_UP_SECONDS", 0.0)
    return RejectionLimit("users")


def is_parked(limit, casino_id, messages):
    try:
        limit.require(casino_id, messages)
    except RejectionLimitExceeded:
        return True
    return False


def count(limit, casino_id, messages):
    """Whether these messages, counted and then stored, are parked."""
    limit.count({casino_id: messages})
    return is_parked(limit, casino_id, messages)


def test_few_rejections_are_stored(limit):
    for _ in range(20):
        assert not count(limit, 1, [GOOD, BAD, GOOD, BAD, BAD, GOOD])


def test_rejections_in_a_row_within_one_batch_are_parked(limit):
    assert not count(limit, 1, [BAD] * 11 + [GOOD])
    assert count(limit, 1, [GOOD] + [BAD] * 12 + [GOOD] * 40)


def test_rejections_in_a_row_count_across_batches_until_a_valid_message(limit):
    for _ in range(5):
        assert not count(limit, 1, [BAD] * 11)
        assert not count(limit, 1, [GOOD] * 11)
    assert not count(limit, 1, [BAD] * 11)
    assert count(limit, 1, [BAD])


def test_share_counts_when_the_window_is_full(limit):
    for _ in range(3):
        assert not count(limit, 1, [GOOD, BAD, BAD, GOOD, BAD, BAD])
    assert count(limit, 1, [BAD, BAD])


def test_share_at_the_ratio_is_stored(limit):
    for _ in range(20):
        assert not count(limit, 1, [GOOD, BAD] * 2)


def test_old_messages_leave_the_window(limit):
    assert not count(limit, 1, [BAD] * 11)
    for _ in range(10):
        assert not count(limit, 1, [GOOD] * 9)
    assert not count(limit, 1, [BAD] * 9 + [GOOD])


def test_valid_messages_of_a_casino_beyond_the_limit_are_stored(limit):
    assert count(limit, 1, [BAD] * 12)
    assert not is_parked(limit, 1, [GOOD, BAD, GOOD])
    assert is_parked(limit, 1, [BAD, BAD, GOOD])


def test_messages_that_are_stored_already_do_not_matter(limit):
    """Otherwise `parked drain` could not help: its messages would stay parked for ever."""
    assert count(limit, 1, [BAD] * 12)
    assert not is_parked(limit, 1, [])


@pytest.mark.parametrize("casino_ids", [(1,), (1, 2)])
def test_one_or_two_casinos_do_not_stop_the_consumer(limit, casino_ids):
    for _ in range(10):
        limit.count({casino_id: [BAD] * 30 for casino_id in casino_ids})
    assert is_parked(limit, 1, [BAD])


def test_nearly_all_casinos_stop_the_consumer(limit):
    limit.count({casino_id: [GOOD] for casino_id in range(1, 11)})
    with pytest.raises(TooManyRejections):
        limit.count(dict.fromkeys(range(1, 10), [BAD] * 12))


def test_a_restarted_consumer_does_not_stop_before_it_can_know_nearly_all_casinos(limit, monkeypatch):
    monkeypatch.setattr(rejection_limit, "WARM_UP_SECONDS", 600.0)
    limit.count(dict.fromkeys(range(1, 10), [BAD] * 12))
    assert is_parked(limit, 1, [BAD])
    monkeypatch.setattr(rejection_limit, "WARM_UP_SECONDS", 0.0)
    with pytest.raises(TooManyRejections):
        limit.count(dict.fromkeys(range(1, 10), [BAD] * 12))


def test_most_but_not_nearly_all_casinos_do_not_stop_the_consumer(limit):
    for _ in range(5):
        limit.count({1: [GOOD], 2: [GOOD]} | dict.fromkeys(range(3, 10), [BAD] * 12))


def test_recovered_casinos_count_as_working(limit):
    limit.count({1: [BAD] * 12, 2: [BAD] * 12})
    limit.count({1: [GOOD] * 20, 2: [GOOD] * 20})
    limit.count({3: [BAD] * 12})


def test_casinos_of_long_ago_do_not_count(limit, monkeypatch):
    monkeypatch.setattr(rejection_limit, "RECENT_SECONDS", 0.0)
    limit.count(dict.fromkeys(range(1, 10), [BAD] * 12))


def test_stop_names_the_topic_the_casinos_an_example_and_what_to_do(limit):
    with pytest.raises(TooManyRejections) as caught:
        limit.count(dict.fromkeys((3, 5, 8), [BAD] * 12))
    text = str(caught.value)
    assert text.startswith("users: ")
    for part in (
        "casino 3, casino 5, casino 8",
        f"{BAD.envelope.place}: unknown_value: currency",
        "INGESTION_REJECTION_RATIO",
        "INGESTION_REJECTION_RUN",
    ):
        assert part in text


def test_parking_names_the_number_an_example_and_what_to_do(limit):
    limit.count({5: [BAD] * 12})
    with pytest.raises(RejectionLimitExceeded) as caught:
        limit.require(5, [BAD] * 12)
    for part in ("12 messages in a row", "unknown_value", "parked drain --topic users --casino 5"):
        assert part in str(caught.value)
