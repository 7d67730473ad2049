import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.routing.context import find_current_casino, get_current_casino, use_casino

ALPHA = CurrentCasino(id=901, db_name="casino_901")
BETA = CurrentCasino(id=902, db_name="casino_902")


def test_get_current_casino_raises_without_one():
    with pytest.raises(NoCurrentCasino, match="use_casino"):
        get_current_casino()


def test_find_current_casino_returns_none_without_one():
    assert find_current_casino() is None


def test_casino_is_current_inside_the_block_only():
    with use_casino(ALPHA) as entered:
        assert entered == get_current_casino() == find_current_casino() == ALPHA
    assert find_current_casino() is None


def test_no_casino_is_current_after_an_error_in_the_block():
    with pytest.raises(ZeroDivisionError), use_casino(ALPHA):
        raise ZeroDivisionError
    assert find_current_casino() is None


def test_entering_another_casino_inside_is_refused_and_changes_nothing():
    with use_casino(ALPHA):
        with pytest.raises(CasinoMismatch, match="901 is current; to enter casino 902"), use_casino(BETA):
            pass
        assert get_current_casino() == ALPHA


def test_same_casino_may_be_entered_again():
    with use_casino(ALPHA):
        with use_casino(CurrentCasino(id=901, db_name="casino_901")):
            assert get_current_casino() == ALPHA
        assert get_current_casino() == ALPHA


def test_same_id_in_another_database_is_another_casino():
    with use_casino(ALPHA), pytest.raises(CasinoMismatch), use_casino(CurrentCasino(id=901, db_name="elsewhere")):
        pass


def test_switching_on_purpose_returns_to_the_outer_casino():
    with use_casino(ALPHA):
        with use_casino(BETA, switch=True):
            assert get_current_casino() == BETA
        assert get_current_casino() == ALPHA


def test_each_casino_has_an_alias_of_its_own():
    assert (ALPHA.alias, BETA.alias) == ("casino_901", "casino_902")


def test_threads_and_executors_start_without_casino():
    with use_casino(ALPHA), ThreadPoolExecutor(1) as executor:
        assert executor.submit(find_current_casino).result() is None


def test_threads_at_the_same_time_have_casinos_of_their_own():
    both_inside = threading.Barrier(2, timeout=120)

    def casino_seen_in(casino: CurrentCasino) -> CurrentCasino:
        with use_casino(casino):
            both_inside.wait()
            return get_current_casino()

    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(casino_seen_in, [ALPHA, BETA])) == [ALPHA, BETA]


def test_asyncio_tasks_inherit_the_casino_and_keep_their_own():
    async def casino_seen_by_a_task() -> CurrentCasino:
        with use_casino(BETA, switch=True):
            await asyncio.sleep(0)
            return get_current_casino()

    async def both() -> tuple[CurrentCasino, CurrentCasino]:
        with use_casino(ALPHA):
            task = asyncio.create_task(casino_seen_by_a_task())
            await asyncio.sleep(0)
            inherited = asyncio.create_task(_current())
            return await task, await inherited

    assert asyncio.run(both()) == (BETA, ALPHA)


async def _current() -> CurrentCasino:
    return get_current_casino()


def _in_a_thread(function):
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result()


def test_new_thread_has_no_casino_though_its_creator_has():
    with use_casino(ALPHA), pytest.raises(NoCurrentCasino):
        _in_a_thread(get_current_casino)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_outer_casino_is_current_again_after_any_error(error):
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


def test_leaving_a_block_in_another_thread_raises():
    def enter_here_and_leave_elsewhere() -> CurrentCasino | None:
        entered = use_casino(ALPHA)
        entered.__enter__()
        with pytest.raises(ValueError, match="different Context"):
            _in_a_thread(lambda: entered.__exit__(None, None, None))
        return find_current_casino()

    assert copy_context().run(enter_here_and_leave_elsewhere) == ALPHA  # still current: it was entered here


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

    async def all_concurrently() -> list[set[int]]:
        casinos = [CurrentCasino(id=number, db_name=f"casino_{number}") for number in range(900, 920)]
        return await asyncio.gather(*(look(casino, 50) for casino in casinos))

    assert asyncio.run(all_concurrently()) == [{number} for number in range(900, 920)]


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
    together = threading.Barrier(8, timeout=120)

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
