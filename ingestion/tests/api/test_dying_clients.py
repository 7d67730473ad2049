"""A client that dies half-way and repeats, against a real server, which is killed too: each coupon is stored once."""

import http.client
import socket
from contextlib import closing

import msgspec
import psutil
import pytest

from ingestion.tests.manage_processes import IN_PROCESSES, database_environment
from ingestion.tests.sample_messages import coupon, user
from recommendations.models import PurchasedCoupon, UserProfile
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from tenants.routing.context import use_casino
from tenants.tests.api_clients import bearing, make_key
from tenants.tests.server_process import granian

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

BATCHES, SIZE = 4, 250


class Client:
    def __init__(self, port, key):
        self._port, self._key = port, key

    def send(self, path, body, key):
        """The number of messages with an outcome in the response."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("POST", path, body, self._headers(key))
            response = connection.getresponse()
            assert response.status == 200, response.read()
            return len(msgspec.json.decode(response.read())["items"])

    def die(self, path, body, key, sent):
        """Send this share of the body, and close the connection without reading."""
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self._headers(key).items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(head + body[: round(len(body) * sent)])

    def _headers(self, key):
        return bearing(self._key) | {"Content-Type": "application/json", "Idempotency-Key": key}


def kill(server):
    """Kill the server with its worker, which would outlive it."""
    for process in (*psutil.Process(server.pid).children(recursive=True), server):
        process.kill()


@pytest.mark.exhaustive
def test_each_coupon_is_stored_once_though_client_and_server_die(casino_a, casino_b):
    key = make_key(casino_a, "ingest").text
    env = database_environment(RECSYS_OPEN_API="0", HTTPS="0", API_REQUESTS_PER_SECOND="0")
    batches = {f"bets-{number}": msgspec.json.encode([coupon(stake=1 + number)] * SIZE) for number in range(BATCHES)}
    names = list(batches)
    with granian(env, workers=1) as (port, process):
        client = Client(port, key)
        client.send("/users", msgspec.json.encode(user()), "user")
        client.send("/coupons", batches[names[0]], names[0])
        client.die("/coupons", batches[names[1]], names[1], sent=1)
        client.die("/coupons", batches[names[2]], names[2], sent=0.5)
        client.die("/coupons", batches[names[3]], names[3], sent=1)
        kill(process)
    with granian(env, workers=1) as (port, _):
        for _ in range(2):
            assert [Client(port, key).send("/coupons", batches[name], name) for name in names] == [SIZE] * BATCHES
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == BATCHES * SIZE
        assert UserProfile.objects.get(user_id=7).coupon_count == BATCHES * SIZE
        assert_counts_equal_a_recount()
    with use_casino(casino_b.current):
        assert not PurchasedCoupon.objects.exists()
