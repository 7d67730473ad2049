"""The cache by itself, lending objects that know no database."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenants.errors import NoFreeConnection
from tenants.tests.fake_connections import Desk, Line, refuse


def test_connection_that_came_back_is_lent_again():
    desk = Desk()
    line = desk.lend_and_give_back("a")
    assert desk.lend("a") is line
    assert (desk.cache.metrics().opened, desk.cache.metrics().reused) == (1, 1)


def test_connection_is_lent_to_one_at_a_time_and_for_its_own_key_only():
    desk = Desk()
    first, second = desk.lend("a"), desk.lend("a")
    assert first is not second
    desk.cache.give_back(first)
    assert desk.lend("b") is not first


def test_of_several_idle_ones_the_last_used_is_lent():
    desk = Desk()
    first, second = desk.lend("a"), desk.lend("a")
    desk.cache.give_back(second)
    desk.cache.give_back(first)
    assert desk.lend("a") is first


def test_no_more_than_each_are_lent_for_one_key():
    desk = Desk(total=3, each=2)
    desk.lend("a"), desk.lend("a")
    with pytest.raises(NoFreeConnection, match="2 of 3, 2 of 2 of a"):
        desk.lend("a")
    assert desk.lend("b").is_open


def test_least_recently_used_idle_one_makes_way_for_another_key():
    desk = Desk(total=3)
    lines = {key: desk.lend_and_give_back(key) for key in "abc"}
    assert desk.lend_and_give_back("a") is lines["a"]
    desk.lend("d")
    assert [key for key in "abc" if lines[key].is_open] == ["a", "c"]
    assert desk.cache.metrics().evicted == 1
    assert desk.server.most == 3


def test_with_all_lent_the_next_is_refused_in_words_that_say_what_to_raise():
    desk = Desk(total=3)
    for key in "abc":
        desk.lend(key)
    with pytest.raises(NoFreeConnection, match=r"in use \(3 of 3, 0 of 2 of d\).*raise CASINO_CONNECTIONS"):
        desk.lend("d")
    metrics = desk.cache.metrics()
    assert (metrics.in_use, metrics.waited, metrics.refused) == (3, 1, 1)


def test_refusal_comes_after_the_wait_and_not_much_later():
    desk = Desk(total=1, wait=0.2)
    desk.lend("a")
    started = time.monotonic()
    with pytest.raises(NoFreeConnection):
        desk.lend("b")
    took = time.monotonic() - started
    assert 0.2 <= took < 1
    assert 0.2 <= desk.cache.metrics().waited_seconds <= took


def test_who_waits_gets_the_connection_that_comes_back():
    desk = Desk(total=1, wait=60)
    line = desk.lend("a")
    assert desk.lend_once_another_waits("a", lambda: desk.cache.give_back(line)) is line


def test_who_waits_for_another_key_gets_the_place_of_what_comes_back():
    desk = Desk(total=1, wait=60)
    line = desk.lend("a")
    assert desk.lend_once_another_waits("b", lambda: desk.cache.give_back(line)).key == "b"
    assert not line.is_open
    assert desk.server.most == 1


def test_who_waits_gets_the_place_of_what_is_discarded():
    desk = Desk(total=1, wait=60)
    line = desk.lend("a")
    assert desk.lend_once_another_waits("b", lambda: desk.cache.discard(line)).key == "b"
    assert desk.server.most == 1


def test_idle_one_is_closed_when_its_time_is_over():
    desk = Desk(idle=0.05)
    old = desk.lend_and_give_back("a")
    time.sleep(0.06)
    desk.lend("b")
    assert not old.is_open
    assert (desk.cache.metrics().expired, desk.cache.metrics().open) == (1, 1)


def test_dead_idle_ones_are_replaced():
    desk = Desk()
    lines = [desk.lend("a"), desk.lend("a")]
    for line in lines:
        desk.cache.give_back(line)
        line.is_dead = True
    assert not desk.lend("a").is_dead
    assert [line.is_open for line in lines] == [False, False]
    assert (desk.cache.metrics().lost, desk.cache.metrics().open) == (2, 1)


def test_place_is_free_again_when_connecting_fails():
    desk = Desk(total=1)
    with pytest.raises(ConnectionRefusedError):
        desk.cache.lend("a", refuse)
    assert desk.cache.metrics().open == 0
    assert desk.lend("b").is_open


def test_who_waits_gets_the_place_of_one_who_could_not_connect():
    desk = Desk(total=1, wait=60)
    may_fail = threading.Event()

    def refuse_late() -> Line:
        may_fail.wait(5)
        return refuse()

    with ThreadPoolExecutor(1) as executor:
        failing = executor.submit(desk.cache.lend, "a", refuse_late)
        while not desk.cache.metrics().open:
            time.sleep(0.001)
        assert desk.lend_once_another_waits("a", may_fail.set).is_open
        with pytest.raises(ConnectionRefusedError):
            failing.result(timeout=5)


def test_place_is_free_again_when_closing_fails(caplog):
    desk = Desk(total=1)
    line = desk.lend_and_give_back("a")
    line.close()  # so that the cache's own attempt raises
    assert desk.lend("b").is_open
    assert "A connection of a could not be closed" in caplog.text


def test_discarded_connection_is_closed_and_not_lent_again():
    desk = Desk()
    line = desk.lend("a")
    desk.cache.discard(line)
    assert not line.is_open
    assert desk.lend("a") is not line


def test_connection_that_is_not_lent_is_neither_kept_nor_closed():
    desk = Desk()
    stranger = desk.server.call("a")
    desk.cache.give_back(stranger)
    desk.cache.discard(stranger)
    assert stranger.is_open
    assert desk.cache.metrics().open == desk.cache.metrics().lost == 0


def test_given_back_twice_is_idle_once():
    desk = Desk()
    line = desk.lend("a")
    desk.cache.give_back(line)
    desk.cache.give_back(line)
    assert (desk.cache.metrics().idle, desk.cache.metrics().open) == (1, 1)


def test_idle_ones_of_one_key_or_of_all_can_be_closed():
    desk = Desk(total=4)
    lent = desk.lend("b")
    lines = {key: desk.lend_and_give_back(key) for key in "abc"}
    desk.cache.close_idle("a")
    assert [lines[key].is_open for key in "abc"] == [False, True, True]
    desk.cache.close_idle()
    assert [lines[key].is_open for key in "abc"] == [False, False, False]
    assert lent.is_open
    assert desk.cache.metrics().open == 1
