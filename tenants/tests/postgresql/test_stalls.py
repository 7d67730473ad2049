"""Slow databases get a limited number of threads, and a silent server gets few new connections."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tenants.errors import ServerSilent, TooManyStalled
from tenants.postgresql.stalls import Stalls
from tenants.tests.unstartable_threads import no_new_threads
from tenants.tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def stalls(settings) -> Iterator[Stalls]:
    settings.WEB_THREADS, settings.API_REQUESTS_STALLED = 8, 2
    stalls = Stalls()
    yield stalls
    stalls.reset()


def test_a_database_keeps_two_stalled_statements_and_the_third_gives_up(stalls):
    stalls.begin("casino_1")
    stalls.begin("casino_1")
    with pytest.raises(TooManyStalled, match="casino_1 is slow: 2 statements wait"):
        stalls.begin("casino_1")
    stalls.end("casino_1")
    stalls.begin("casino_1")


def test_all_together_keep_four(stalls):
    for alias in ("casino_1", "casino_1", "casino_2", "casino_3"):
        stalls.begin(alias)
    with pytest.raises(TooManyStalled, match="4 statements wait for it and other slow databases"):
        stalls.begin("casino_4")


def test_the_catalogue_may_take_all_four(stalls):
    for _ in range(4):
        stalls.begin("default")
    with pytest.raises(TooManyStalled):
        stalls.begin("default")


def test_connections_of_a_database_in_doubt_are_limited_and_those_of_others_are_not(stalls):
    busy = Counter({"casino_1": 2, "casino_2": 6})
    stalls.require_capacity("casino_1", busy)
    stalls.begin("casino_1")
    with pytest.raises(TooManyStalled):
        stalls.require_capacity("casino_1", busy)
    stalls.require_capacity("casino_1", Counter({"casino_1": 1}))
    stalls.require_capacity("casino_2", busy)


@pytest.mark.slow
def test_doubt_ends_after_the_last_stalled_statement(stalls):
    stalls.begin("casino_1")
    assert stalls.is_any
    stalls.end("casino_1")

    def is_without_doubt() -> bool:
        stalls.require_capacity("casino_2", Counter())
        return not stalls.is_any

    assert not is_without_doubt()
    wait_until(is_without_doubt)
    stalls.require_capacity("casino_1", Counter({"casino_1": 6}))


def test_silent_server_is_refused_until_it_answers(stalls):
    is_up = threading.Event()
    assert stalls.is_silent("east", is_up.is_set)
    with pytest.raises(ServerSilent, match="east has not answered for"):
        stalls.require_answering("east")
    stalls.require_answering("main")
    assert stalls.silent_servers() == ["east"]
    is_up.set()
    wait_until(lambda: not stalls.silent_servers())
    stalls.require_answering("east")


def test_server_that_no_thread_can_ask_is_not_refused_for_ever(stalls):
    with no_new_threads():
        assert stalls.is_silent("east", lambda: False)  # its statement gives up
    assert not stalls.silent_servers()
    stalls.require_answering("east")


def test_server_that_answers_is_asked_by_one_thread_at_a_time_and_not_soon_again(stalls):
    asked, resume = Counter[str](), threading.Event()

    def answers() -> bool:
        asked["east"] += 1
        return resume.wait(120)

    asking = threading.Thread(target=stalls.is_silent, args=["east", answers])
    asking.start()
    wait_until(lambda: asked["east"])
    assert not stalls.is_silent("east", answers)
    resume.set()
    asking.join()
    assert not stalls.is_silent("east", answers)
    assert asked["east"] == 1
