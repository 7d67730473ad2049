"""Attackers of the web server, run by `attacks`: `python -m benchmarks.bystander.web_attacks ATTACK PORT [KEY ..]`."""

import base64
import http.client
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

SLOW_SOCKETS = 500
SECONDS_OF_BYTE = 5.0
UPLOAD_BYTES = 400_000_000
UPLOADS, BATCHES, LOGINS = 8, 4, 8  # concurrent requests
CONFIGURATIONS = 12  # concurrent requests per casino
PAUSE = 0.2
FORM = b"Host: localhost\r\nCookie: a=b\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
LOGIN_PAGE = b"POST /admin/login/ HTTP/1.1\r\n"


def slow_bodies(port: int) -> None:
    """Send a login form on each socket, one byte every five seconds."""
    head = LOGIN_PAGE + FORM % (b"application/x-www-form-urlencoded", 1_000)
    _send_slowly(port, head, b"x")


def slow_headers(port: int) -> None:
    """Send a request on each socket whose headers never end."""
    _send_slowly(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"x")


def _send_slowly(port: int, head: bytes, byte: bytes) -> None:
    """Keep `SLOW_SOCKETS` connections open, each of which sends a byte every five seconds."""
    sockets: list[socket.socket] = []
    while True:
        while len(sockets) < SLOW_SOCKETS:
            sockets.append(socket.create_connection(("127.0.0.1", port)))
            sockets[-1].sendall(head)
        time.sleep(SECONDS_OF_BYTE)
        sockets = [each for each in sockets if _try_send(each, byte)]


def _try_send(connection: socket.socket, byte: bytes) -> bool:
    try:
        connection.sendall(byte)
    except OSError:
        connection.close()
        return False
    return True


def uploads(port: int) -> None:
    """Upload a file of 400 MB in a form, again as soon as it is rejected."""
    head = LOGIN_PAGE + FORM % (b"multipart/form-data; boundary=b", UPLOAD_BYTES)
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    chunk = b"x" * 65_536

    def upload() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head + part)
            for _ in range(UPLOAD_BYTES // len(chunk)):
                connection.sendall(chunk)

    _run_concurrently(UPLOADS, upload)


def batches(port: int, key: str) -> None:
    """Send the largest batch and a list of invalid users in turn."""
    headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
    bodies = [{"user_ids": list(range(1, 501)), "limit": 20, "explain": True}, {"user_ids": ["x"] * 190_000}]

    def ask() -> None:
        _ask(port, "POST", "/recommend", headers, json.dumps(random.choice(bodies)))

    _run_concurrently(BATCHES, ask)


def configurations(port: int, *keys: str) -> None:
    """Store each casino's configuration, again as soon as it is stored."""
    body = {"recommender_type": "inference", "recommendation_schema": {"recommended_events": "list"}}

    def configure(key: str) -> None:
        headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
        _ask(port, "POST", "/config", headers, json.dumps(body))

    for key in keys:
        _run_concurrently(CONFIGURATIONS, partial(configure, key))


def logins(port: int) -> None:
    """Send wrong passwords, each for a new name."""

    def ask() -> None:
        text = base64.b64encode(f"name{random.random()}:wrong".encode()).decode()
        _ask(port, "GET", "/config", {"Authorization": f"Basic {text}", "Casino-ID": "1"})

    _run_concurrently(LOGINS, ask)


def _ask(port: int, method: str, path: str, headers: dict[str, str], body: str | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request(method, path, body, headers)
        connection.getresponse().read()
    finally:
        connection.close()


def _run_concurrently(number: int, attack: Callable[[], None]) -> None:
    def repeat() -> None:
        while True:
            with suppress(OSError, http.client.HTTPException):
                attack()
            time.sleep(PAUSE)

    for _ in range(number):
        threading.Thread(target=repeat).start()


ATTACKS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (slow_bodies, slow_headers, uploads, batches, configurations, logins)
}

if __name__ == "__main__":
    name, port, *key = sys.argv[1:]
    ATTACKS[name](int(port), *key)
