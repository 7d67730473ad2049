import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.routing.context import find_current_casino, get_current_casino, use_casino

ALPHA = CurrentCasino(id=901, db_name="casino_901")
BETA = CurrentCasino(id=902, db_name="casino_902")


def test_without_a_casino_asking_for_it_raises():
    with pytest.raises(NoCurrentCasino, match="use_casino"):
        get_current_casino()


def test_without_a_casino_looking_for_it_finds_none():
    assert find_current_casino() is None


def test_casino_is_current_inside_the_block_only():
    with use_casino(ALPHA) as entered:
        assert entered == get_current_casino() == find_current_casino() == ALPHA
    assert find_current_casino() is None


def test_error_in_the_block_leaves_no_casino_behind():
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
    both_inside = threading.Barrier(2, timeout=5)

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
