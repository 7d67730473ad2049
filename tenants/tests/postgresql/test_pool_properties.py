"""Properties of the connection pool: in any order of calls, with many threads, across a fork."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tenants.errors import NoFreeConnection
from tenants.tests.exhaustive import scaled
from tenants.tests.fake_connections import FakeConnection, FakePool, refuse

pytestmark = pytest.mark.slow


def test_forked_process_starts_empty_and_closes_none_of_its_parents_connections():
    pool = FakePool()
    checked_out, idle = pool.get("a"), pool.use("b")
    pool.reset_after_fork()
    assert pool.metrics().open == 0
    pool.check_in(checked_out)
    pool.discard(checked_out)
    pool.close_idle()
    assert checked_out.is_open
    assert idle.is_open


def test_forked_process_is_not_blocked_by_a_lock_held_in_its_parent():
    pool = FakePool()
    with pool._guard:
        pool.reset_after_fork()
        assert pool.get("a").is_open


@pytest.mark.covered
def test_many_threads_with_failures_stay_within_the_limits_and_release_every_slot():
    pool = FakePool(total=5, each=3, idle=0.002, wait=0.5)
    refused = Counter[str]()

    def call_or_fail(rng: random.Random, key: str) -> FakeConnection:
        if rng.random() < 0.1:
            raise ConnectionRefusedError
        return pool.server.connect(key)

    def use_once(rng: random.Random, key: str) -> None:
        connection = pool.check_out(key, lambda: call_or_fail(rng, key))
        assert isinstance(connection, FakeConnection)
        assert connection.is_open
        assert connection.key == key
        time.sleep(rng.random() / 2_000)
        connection.is_dead = rng.random() < 0.1
        end = pool.discard if rng.random() < 0.1 else pool.check_in
        end(connection)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(200):
            try:
                use_once(rng, rng.choice("abcdefgh"))
            except (ConnectionRefusedError, NoFreeConnection) as error:
                refused[type(error).__name__] += 1

    started = time.monotonic()
    with ThreadPoolExecutor(16) as executor:
        list(executor.map(work, range(16)))
    assert time.monotonic() - started < 60
    assert refused["ConnectionRefusedError"]
    assert pool.server.most == 5
    assert pool.server.most_of_one <= 3
    metrics = pool.metrics()
    assert (metrics.in_use, metrics.open) == (0, metrics.idle) == (0, pool.server.open.total())
    assert metrics.opened == metrics.open + metrics.evicted + metrics.expired + metrics.lost
    pool.close_idle()
    assert pool.server.open.total() == pool.metrics().open == 0


class AnySequence(RuleBasedStateMachine):
    """After any sequence of calls, the pool's counts agree with the server's, and the limits hold."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = FakePool(total=3, each=2)
        self.checked_out: list[FakeConnection] = []

    @rule(key=st.sampled_from("abcd"))
    def check_out(self, key: str) -> None:
        same_key = [connection for connection in self.checked_out if connection.key == key]
        try:
            connection = self.pool.get(key)
        except NoFreeConnection:
            assert len(self.checked_out) == 3 or len(same_key) == 2
            return
        assert len(self.checked_out) < 3
        assert len(same_key) < 2
        assert connection.is_open
        assert not connection.is_dead
        assert connection not in self.checked_out
        self.checked_out.append(connection)

    @rule(key=st.sampled_from("abcd"))
    def fail_to_connect(self, key: str) -> None:
        try:
            connection = self.pool.check_out(key, refuse)
        except (ConnectionRefusedError, NoFreeConnection):
            return
        assert isinstance(connection, FakeConnection)  # an idle one
        self.checked_out.append(connection)

    @precondition(lambda self: self.checked_out)
    @rule(data=st.data(), is_dead=st.booleans())
    def check_in(self, data: st.DataObject, is_dead: bool) -> None:
        connection = self.checked_out.pop(data.draw(st.integers(0, len(self.checked_out) - 1)))
        connection.is_dead = is_dead
        self.pool.check_in(connection)

    @precondition(lambda self: self.checked_out)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        self.pool.discard(self.checked_out.pop(data.draw(st.integers(0, len(self.checked_out) - 1))))

    @rule(key=st.sampled_from(["a", "b", None]))
    def close_idle(self, key: str | None) -> None:
        self.pool.close_idle(key)

    @invariant()
    def counts_agree(self) -> None:
        metrics, server = self.pool.metrics(), self.pool.server
        assert metrics.open == metrics.in_use + metrics.idle == server.open.total()
        assert metrics.in_use == len(self.checked_out)
        assert server.most <= 3
        assert server.most_of_one <= 2


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = hypothesis_settings(max_examples=scaled(20, 50), stateful_step_count=40)
