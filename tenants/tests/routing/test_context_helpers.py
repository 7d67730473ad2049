import asyncio
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.routing.context import CasinoExecutor, bind, find_current_casino, get_current_casino, use_casino

ALPHA = CurrentCasino(id=901, db_name="casino_901")
BETA = CurrentCasino(id=902, db_name="casino_902")


def _in_a_thread(function):
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result()


def test_thread_without_a_casino_raises_though_its_maker_has_one():
    with use_casino(ALPHA), pytest.raises(NoCurrentCasino):
        _in_a_thread(get_current_casino)


def test_bound_function_runs_for_its_casino_in_any_thread():
    with use_casino(ALPHA):
        bound = bind(get_current_casino)
    assert _in_a_thread(bound) == ALPHA
    assert bound() == ALPHA
    assert find_current_casino() is None


def test_bound_function_leaves_no_casino_in_the_thread():
    with use_casino(ALPHA):
        bound = bind(get_current_casino)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(bound).result() == ALPHA
        assert threads.submit(find_current_casino).result() is None


def test_bound_function_is_refused_where_another_casino_is_current():
    with use_casino(ALPHA):
        bound = bind(get_current_casino)
    with use_casino(BETA):
        with pytest.raises(CasinoMismatch):
            bound()
        assert get_current_casino() == BETA


def test_nothing_is_bound_without_a_casino():
    with pytest.raises(NoCurrentCasino):
        bind(get_current_casino)


def test_bound_function_keeps_its_name_its_arguments_and_its_errors():
    def divide(number: int, *, by: int) -> float:
        return number / by

    with use_casino(ALPHA):
        bound = bind(divide)
    assert bound.__name__ == "divide"
    assert bound(6, by=3) == 2
    with pytest.raises(ZeroDivisionError):
        bound(6, by=0)
    assert find_current_casino() is None


def test_bound_coroutine_function_runs_for_its_casino_to_its_end():
    async def seen() -> list[CurrentCasino]:
        before = get_current_casino()
        await asyncio.sleep(0)
        return [before, get_current_casino()]

    with use_casino(ALPHA):
        bound = bind(seen)
    assert asyncio.run(bound()) == [ALPHA, ALPHA]


def test_generator_functions_are_not_bound():
    def chunks() -> Iterator[int]:
        yield 1

    async def chunks_async():
        yield 1

    with use_casino(ALPHA):
        for function in (chunks, chunks_async):
            with pytest.raises(TypeError, match="bind the function that goes through it"):
                bind(function)


def test_executor_runs_each_task_for_the_casino_that_submitted_it():
    with CasinoExecutor(1) as executor:
        with use_casino(ALPHA):
            of_alpha = [executor.submit(get_current_casino) for _ in range(3)]
        with use_casino(BETA):
            of_beta = executor.submit(get_current_casino)
            mapped = executor.map(lambda _: get_current_casino(), range(3))
        of_none = executor.submit(find_current_casino)
        assert [task.result() for task in of_alpha] == [ALPHA] * 3
        assert of_beta.result() == BETA
        assert of_none.result() is None
        assert list(mapped) == [BETA] * 3


def test_executor_survives_tasks_that_fail():
    def fail() -> None:
        get_current_casino()
        raise KeyboardInterrupt

    with CasinoExecutor(1) as executor:
        with use_casino(ALPHA):
            failed = executor.submit(fail)
        with pytest.raises(KeyboardInterrupt):
            failed.result()
        assert executor.submit(find_current_casino).result() is None


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
