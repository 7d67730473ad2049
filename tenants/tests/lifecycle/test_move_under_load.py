"""A casino moves between two servers and back under reads and writes; another, with the same ids, stays."""

import threading
from collections import Counter
from itertools import count

import pytest
from django.db import OperationalError, connections
from django.test import Client

from tenants.lifecycle.create import store_casinos
from tenants.lifecycle.move import move_casino
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_event, make_user
from tenants.tests.waiting import wait_until

SCHEMA = {
    name: {"type": kind, "source_field": name} for name, kind in [("user_id", "int"), ("recommended_events", "list")]
}


@pytest.fixture
def moving_and_staying(second_server):
    casinos = store_casinos(["Moving", "Staying"])
    for casino in casinos:
        Casino.objects.filter(pk=casino.pk).update(recommender_type="inference", recommendation_schema=SCHEMA)
        with use_casino(casino.current):
            make_user(casino.name, id=1_000_000)
            for number in range(4):
                make_event(home_team=f"{casino.name} {number}", away_team=f"{casino.name} {number + 10}")
    return casinos


class Load:
    """Threads that read and write until stopped, and their results."""

    def __init__(self, moving: Casino, staying: Casino) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.foreign: list[str] = []
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        asking = [
            threading.Thread(target=self._request, args=(casino,)) for casino in (moving, staying) for _ in range(2)
        ]
        self._threads = [*asking, threading.Thread(target=self._write, args=(moving.pk,))]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def wait_for_writes(self, count: int) -> None:
        wait_until(lambda: len(self.acknowledged) >= count)

    def _request(self, casino: Casino) -> None:
        client = Client(headers={"Casino-ID": str(casino.pk)})
        while not self._stop.is_set():
            response = client.get("/recommend/1000000")
            self.answers[casino.name, response.status_code] += 1
            if response.status_code == 200:
                teams = [event["home_team"] for event in response.json()["recommended_events"]]
                self.foreign += [team for team in teams if not team.startswith(casino.name)]
        connections.close_all()

    def _write(self, casino_id: int) -> None:
        for number in count():
            if self._stop.is_set():
                break
            try:
                with use_casino(Casino.objects.get(pk=casino_id).current):
                    make_user(f"User {number}")
            except OperationalError:
                continue
            self.acknowledged.append(f"User {number}")
        connections.close_all()


@pytest.mark.exhaustive
@pytest.mark.no_cover
def test_casino_that_moves_under_load_returns_no_wrong_data_and_loses_no_write(moving_and_staying):
    moving, staying = moving_and_staying
    with Load(moving, staying) as load:
        for server in ("east", "main", "east"):
            before = len(load.acknowledged)
            move_casino(moving, server)
            assert moving.server_id == server
            load.wait_for_writes(before + 4)
    assert load.foreign == []
    assert load.answers["Moving", 200] > 20
    assert {code for name, code in load.answers if name == "Moving"} <= {200, 503}
    assert {code for name, code in load.answers if name == "Staying"} == {200}
    moving.refresh_from_db()
    with use_casino(moving.current):
        assert set(load.acknowledged) <= set(User.objects.values_list("name", flat=True))
