"""A budget that ends while a connection is made, or a transaction begun or ended: no thread keeps a dead connection."""

from contextlib import suppress
from typing import Any

from django.db import Error, close_old_connections, connections, transaction

from tenants.current_casino import CATALOGUE, CurrentCasino
from tenants.postgresql.wait_budget import ServerTimeouts, WaitBudget, waiting_within
from tenants.routing.connections import casino_atomic, query
from tenants.routing.context import use_casino

MOST_WAITS = 12  # of connecting, beginning a transaction, one query, and ending it


class BudgetOfWaits(WaitBudget):
    """Ends after this number of waits, however long they take."""

    waits = 0

    def __init__(self, waits: int) -> None:
        super().__init__(ServerTimeouts(60_000, 60_000))
        self.waits = waits

    @property
    def left(self) -> float:
        return 60.0 if self.waits > 0 else 0.0

    @left.setter
    def left(self, _: float) -> None:
        self.waits -= 1


def execute_one(wrapper: Any) -> None:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_the_catalogue_is_usable_after_a_budget_that_ended(real_databases: None) -> None:
    wrapper = connections[CATALOGUE]
    for waits in range(MOST_WAITS):
        wrapper.close()
        for _ in range(2):  # the second attempt uses the connection that the first has left
            with waiting_within(BudgetOfWaits(waits)), suppress(Error), transaction.atomic():
                execute_one(wrapper)
            assert not wrapper.in_atomic_block, waits
        with transaction.atomic():
            execute_one(wrapper)


def test_a_casino_is_usable_in_the_block_in_which_a_budget_ended(gamma: CurrentCasino, empty_pool: None) -> None:
    for waits in range(MOST_WAITS):
        with use_casino(gamma):
            for _ in range(2):
                with waiting_within(BudgetOfWaits(waits)), suppress(Error), casino_atomic():
                    query("SELECT 1")
            with casino_atomic():
                assert query("SELECT 1") == [(1,)]


def test_a_dead_connection_is_closed_at_the_end_of_a_request_though_its_server_is_gone(real_databases: None) -> None:
    wrapper = connections[CATALOGUE]
    execute_one(wrapper)
    assert wrapper.connection is not None
    wrapper.connection.close()
    wrapper.errors_occurred = True
    there, wrapper.settings_dict["HOST"] = wrapper.settings_dict["HOST"], "/nowhere"
    try:
        close_old_connections()
    finally:
        wrapper.settings_dict["HOST"] = there
    execute_one(wrapper)
