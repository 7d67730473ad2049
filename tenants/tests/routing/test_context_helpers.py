import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from tenants.current_casino import CurrentCasino
from tenants.errors import NoCurrentCasino
from tenants.routing.context import find_current_casino, get_current_casino, use_casino

ALPHA = CurrentCasino(id=901, db_name="casino_901")
BETA = CurrentCasino(id=902, db_name="casino_902")


def _in_a_thread(function):
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result()


def test_thread_without_a_casino_raises_though_its_maker_has_one():
    with use_casino(ALPHA), pytest.raises(NoCurrentCasino):
        _in_a_thread(get_current_casino)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_whatever_is_raised_inside_the_outer_casino_is_current_again(error):
    with use_casino(ALPHA):
        with pytest.raises(error), use_casino(BETA, switch=True):
            raise error
        assert get_current_casino() == ALPHA
    assert find_current_casino() is None


def test_closing_a_generator_inside_restores_the_casino():
    def inside() -> Generator[CurrentCasino, None, None]:
        with use_casino(BETA, switch=True):
            yield get_current_casino()

    with use_casino(ALPHA):
        entered = inside()
        assert next(entered) == get_current_casino() == BETA
        entered.close()
        assert get_current_casino() == ALPHA


def test_block_is_not_left_quietly_from_another_thread():
    def enter_here_and_leave_elsewhere() -> CurrentCasino | None:
        entered = use_casino(ALPHA)
        entered.__enter__()
        with pytest.raises(ValueError, match="different Context"):
            _in_a_thread(lambda: entered.__exit__(None, None, None))
        return find_current_casino()

    assert copy_context().run(enter_here_and_leave_elsewhere) == ALPHA  # what was entered here, is current here


def test_interleaved_tasks_keep_their_casinos():
    async def look(casino: CurrentCasino, turns: int) -> set[int]:
        seen = set()
        for turn in range(turns):
            with use_casino(casino):
                await asyncio.sleep(0)
                seen.add(get_current_casino().id)
                if turn % 7 == 3:
                    await asyncio.gather(_stumble(), return_exceptions=True)
                seen.add(get_current_casino().id)
            assert find_current_casino() is None
        return seen

    async def all_at_once() -> list[set[int]]:
        casinos = [CurrentCasino(id=number, db_name=f"casino_{number}") for number in range(900, 920)]
        return await asyncio.gather(*(look(casino, 50) for casino in casinos))

    assert asyncio.run(all_at_once()) == [{number} for number in range(900, 920)]


def test_task_cancelled_inside_leaves_the_others_alone():
    async def cancelled_and_other() -> CurrentCasino | None:
        with use_casino(ALPHA):
            waiting = asyncio.create_task(_wait_in(BETA))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            return find_current_casino()

    assert asyncio.run(cancelled_and_other()) == ALPHA


def test_interleaved_threads_keep_their_casinos():
    together = threading.Barrier(8, timeout=5)

    def look(number: int) -> set[int]:
        casino, seen = CurrentCasino(id=number, db_name=f"casino_{number}"), set()
        for _ in range(50):
            with use_casino(casino):
                together.wait()
                seen.add(get_current_casino().id)
            assert find_current_casino() is None
        return seen

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(look, range(900, 908))) == [{number} for number in range(900, 908)]


async def _stumble() -> None:
    with use_casino(BETA, switch=True):
        raise ZeroDivisionError


async def _wait_in(casino: CurrentCasino) -> None:
    with use_casino(casino, switch=True):
        await asyncio.sleep(60)
