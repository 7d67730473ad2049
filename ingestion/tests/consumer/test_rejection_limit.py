"""The consumer stops after too many rejections."""

import pytest
from django.db import connection

from ingestion.consumer.rejection_limit import RejectionLimit
from ingestion.errors import AllDatabasesUnavailable, TooManyRejections
from ingestion.messages.decoding import Rejection
from ingestion.tests.manage_processes import IN_PROCESSES

BAD, GOOD = Rejection("malformed", "", "no JSON"), object()


@pytest.fixture(autouse=True)
def limits(settings):
    settings.INGESTION_REJECTION_WINDOW = 20
    settings.INGESTION_REJECTION_RATIO = 0.5
    settings.INGESTION_REJECTION_RUN = 12


def mixed(*pattern, times=1):
    """Messages: 1 is a valid one of casino 1, -1 an invalid one."""
    return [(abs(number), GOOD if number > 0 else BAD) for number in pattern] * times


@pytest.fixture
def limit():
    return RejectionLimit("users")


def test_few_rejections_do_not_stop_the_consumer(limit, casino_a, casino_b):
    for _ in range(20):
        limit.check(mixed(1, 2, -1, 2, -2, 1))


def test_rejections_of_several_casinos_in_a_row_stop_the_consumer(limit, casino_a, casino_b, settings):
    settings.INGESTION_REJECTION_RATIO = 1
    limit.check(mixed(1, 2))
    limit.check(mixed(-1, -2, times=11))
    with pytest.raises(TooManyRejections, match="24 messages in a row are rejected"):
        limit.check(mixed(-1, -2))


def test_rejections_in_a_row_count_across_batches_until_a_valid_message(limit, casino_a, casino_b, settings):
    settings.INGESTION_REJECTION_RATIO = 1
    for _ in range(5):
        limit.check(mixed(-1, -2, times=11))
        limit.check(mixed(1))


def test_rejections_in_a_row_within_one_batch_stop_the_consumer(limit, casino_a, casino_b):
    with pytest.raises(TooManyRejections, match="24 messages in a row"):
        limit.check(mixed(1, 2) + mixed(-1, -2, times=12) + mixed(1, 2))


def test_share_of_several_casinos_stops_the_consumer_when_the_window_is_full(limit, casino_a, casino_b):
    limit.check(mixed(1, -1, -2, 2, -1, -2, times=3))
    with pytest.raises(TooManyRejections, match="of the last 20 messages are rejected"):
        limit.check(mixed(-1, -2))


def test_share_at_the_ratio_does_not_stop_the_consumer(limit, casino_a, casino_b):
    for _ in range(20):
        limit.check(mixed(1, -1, 2, -2))


def test_malformed_messages_of_one_casino_do_not_stop_the_others(limit, casino_a, casino_b):
    for _ in range(10):
        limit.check(mixed(-1, times=30))
        limit.check(mixed(-1, 2, -1, -1, -1, 2))


def test_malformed_messages_of_one_casino_do_not_stop_if_the_others_send_nothing(limit, casino_a, casino_b):
    for _ in range(10):
        limit.check(mixed(-1, times=30))


def test_malformed_messages_of_the_only_casino_stop_the_consumer(limit, casino_a):
    with pytest.raises(TooManyRejections, match="12 messages in a row"):
        limit.check(mixed(-1, times=12))


def test_share_of_the_only_casino_stops_the_consumer(limit, casino_a):
    with pytest.raises(TooManyRejections, match="14 of the last 20"):
        limit.check(mixed(1, -1, -1, times=7))


def test_message_names_the_topic_and_what_to_do(limit, casino_a):
    with pytest.raises(TooManyRejections) as caught:
        limit.check(mixed(-1, times=12))
    text = str(caught.value)
    assert text.startswith("users: ")
    for remedy in ("dead_letters list --topic users", "INGESTION_REJECTION_RATIO", "INGESTION_REJECTION_RUN"):
        assert remedy in text


def test_few_rejections_need_no_query(limit, casino_a, django_assert_num_queries):
    with django_assert_num_queries(0):
        for _ in range(5):
            limit.check(mixed(1, 1, -1, 1))


@pytest.mark.django_db(**IN_PROCESSES)
def test_unavailable_catalogue_raises_all_databases_unavailable(limit, casino_a):
    with connection.execute_wrapper(cut), pytest.raises(AllDatabasesUnavailable):
        limit.check(mixed(-1, times=12))
    connection.close()


def cut(execute, sql, params, many, context):
    """The server ends this session first."""
    session, other = context["connection"], context["connection"].copy("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session.connection.info.backend_pid])
    other.close()
    return execute(sql, params, many, context)
