"""Turns of batches: one computes at a time, in the order in which they asked, and none waits for a hung one."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from recommendations.serving.batch_turns import USERS_OF_TURN, BatchTurns
from tenants.tests.waiting import PATIENCE_SECONDS, require_quick, wait_until


def mapped(turns, work, items):
    with turns.parts(items) as parts:
        return [work(item) for part in parts for item in part]


def test_of_several_batches_one_computes_at_a_time_and_none_waits_for_anothers_end():
    turns, computing, most, order = BatchTurns(wait_seconds=PATIENCE_SECONDS), [], [], []

    def batch(number):
        def work(item):
            computing.append(number)
            most.append(len(computing))
            time.sleep(0.001)
            computing.remove(number)
            order.append(number)
            return item

        return mapped(turns, work, range(3 * USERS_OF_TURN))

    with ThreadPoolExecutor(4) as pool:
        batches: list[Future[list[int]]] = []

        def start_others(item):
            batches.extend(pool.submit(batch, number) for number in range(4 * (item == 0)))
            wait_until(lambda: len(turns._waiting) == 4)

        mapped(turns, start_others, range(2))
        assert [each.result() for each in batches] == [list(range(3 * USERS_OF_TURN))] * 4
    assert max(most) == 1
    first_turns = order[::USERS_OF_TURN][:4]
    assert sorted(first_turns) == [0, 1, 2, 3]


def test_batch_that_hangs_in_its_turn_holds_up_others_for_a_bounded_time():
    turns, is_hanging, release = BatchTurns(wait_seconds=0.2), threading.Event(), threading.Event()

    def hang(item):
        is_hanging.set()
        release.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        hung = pool.submit(mapped, turns, hang, [1, 2])
        assert is_hanging.wait(PATIENCE_SECONDS)
        began, items = time.monotonic(), range(1_000 * USERS_OF_TURN)
        assert mapped(turns, str, items) == [str(number) for number in items]
        assert 0.2 <= time.monotonic() - began < 60  # once, not at each of 1,000 turns
        assert mapped(turns, str, [1]) == ["1"]
        release.set()
        hung.result()
    require_quick(lambda: mapped(turns, str, [1, 2]), 0.2)


def test_failed_batch_gives_its_turn_back():
    turns = BatchTurns(wait_seconds=10)
    with pytest.raises(ZeroDivisionError):
        mapped(turns, lambda number: 1 / number, [1, 0])
    require_quick(lambda: mapped(turns, abs, [1, -2]), 5)
    assert mapped(turns, abs, [1, -2]) == [1, 2]
