"""What holds of the cache whatever is done with it, by however many threads, and across a fork."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tenants.errors import NoFreeConnection
from tenants.tests.fake_connections import Desk, Line, refuse


def test_forked_process_begins_empty_and_closes_nothing_of_its_parents():
    desk = Desk()
    lent, idle = desk.lend("a"), desk.lend_and_give_back("b")
    desk.cache.leave_to_parent()
    assert desk.cache.metrics().open == 0
    desk.cache.give_back(lent)
    desk.cache.discard(lent)
    desk.cache.close_idle()
    assert lent.is_open
    assert idle.is_open


def test_forked_process_is_not_held_up_by_a_lock_that_its_parent_held():
    desk = Desk()
    with desk.cache._changed:
        desk.cache.leave_to_parent()
        assert desk.lend("a").is_open


def test_many_threads_with_failures_stay_within_the_limits_and_all_is_counted_back():
    desk = Desk(total=5, each=3, idle=0.002, wait=0.5)
    refused = Counter[str]()

    def call_or_fail(rng: random.Random, key: str) -> Line:
        if rng.random() < 0.1:
            raise ConnectionRefusedError
        return desk.server.call(key)

    def use_once(rng: random.Random, key: str) -> None:
        line = desk.cache.lend(key, lambda: call_or_fail(rng, key))
        assert isinstance(line, Line)
        assert line.is_open
        assert line.key == key
        time.sleep(rng.random() / 2_000)
        line.is_dead = rng.random() < 0.1
        end = desk.cache.discard if rng.random() < 0.1 else desk.cache.give_back
        end(line)

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
    assert desk.server.most == 5
    assert desk.server.most_of_one <= 3
    metrics = desk.cache.metrics()
    assert (metrics.in_use, metrics.open) == (0, metrics.idle) == (0, desk.server.open.total())
    assert metrics.opened == metrics.open + metrics.evicted + metrics.expired + metrics.lost
    desk.cache.close_idle()
    assert desk.server.open.total() == desk.cache.metrics().open == 0


class AnyUse(RuleBasedStateMachine):
    """Whatever is done in whatever order, the cache's books agree with the server's, and the limits hold."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(total=3, each=2)
        self.lent: list[Line] = []

    @rule(key=st.sampled_from("abcd"))
    def lend(self, key: str) -> None:
        of_key = [line for line in self.lent if line.key == key]
        try:
            line = self.desk.lend(key)
        except NoFreeConnection:
            assert len(self.lent) == 3 or len(of_key) == 2
            return
        assert len(self.lent) < 3
        assert len(of_key) < 2
        assert line.is_open
        assert not line.is_dead
        assert line not in self.lent
        self.lent.append(line)

    @rule(key=st.sampled_from("abcd"))
    def fail_to_connect(self, key: str) -> None:
        try:
            line = self.desk.cache.lend(key, refuse)
        except (ConnectionRefusedError, NoFreeConnection):
            return
        assert isinstance(line, Line)  # an idle one
        self.lent.append(line)

    @precondition(lambda self: self.lent)
    @rule(data=st.data(), is_dead=st.booleans())
    def give_back(self, data: st.DataObject, is_dead: bool) -> None:
        line = self.lent.pop(data.draw(st.integers(0, len(self.lent) - 1)))
        line.is_dead = is_dead
        self.desk.cache.give_back(line)

    @precondition(lambda self: self.lent)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        self.desk.cache.discard(self.lent.pop(data.draw(st.integers(0, len(self.lent) - 1))))

    @rule(key=st.sampled_from(["a", "b", None]))
    def close_idle(self, key: str | None) -> None:
        self.desk.cache.close_idle(key)

    @invariant()
    def books_agree(self) -> None:
        metrics, server = self.desk.cache.metrics(), self.desk.server
        assert metrics.open == metrics.in_use + metrics.idle == server.open.total()
        assert metrics.in_use == len(self.lent)
        assert server.most <= 3
        assert server.most_of_one <= 2


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = hypothesis_settings(max_examples=100, stateful_step_count=40, deadline=None)
