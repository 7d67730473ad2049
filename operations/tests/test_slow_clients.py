"""Clients without a login that send slowly, or much, take nothing from others: on a real server."""

import contextlib
import http.client
import json
import os
import select
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from tenants.tests import fast_postgresql
from tenants.tests.server_process import (
    SERVER_APART,
    ask,
    build_casinos,
    environment,
    granian,
    needs_embedded,
    url_by_socket,
)

pytestmark = [pytest.mark.slow, needs_embedded]
SLOW = 300  # sockets; the server has four threads
HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\nContent-Type: %s\r\n%s\r\n\r\n"
BIG_FILE = b"0123456789abcdef" * 1_000_000  # more than the kernel buffers for a socket
FORM = b"application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The port, a casino's id and the process; its temporary folder is /tmp for all that is written there."""
    url = url_by_socket(fast_postgresql.ensure_running(SERVER_APART), "recommendation_system")
    casino_id = build_casinos(environment(url))[0]
    folder = tmp_path_factory.mktemp("tmp")
    local = tmp_path_factory.mktemp("local")
    (local / "static").mkdir()
    (local / "static" / "big.js").write_bytes(BIG_FILE)
    limits = {"REQUEST_BODY_SECONDS": "3600", "REQUEST_BODY_IDLE_SECONDS": "3600", "WEB_QUEUE_SECONDS": "60"}
    changes = {"TMPDIR": str(folder), "LOCAL_DIR": str(local), "REQUEST_BODY_BYTES": "100000"}
    with granian(environment(url, **limits, **changes), workers=1) as (port, process):
        yield port, casino_id, process, folder


@pytest.fixture
def sockets(server):
    with contextlib.ExitStack() as stack:
        yield lambda port=server[0]: stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=120))


@pytest.mark.exhaustive
def test_slow_bodies_without_a_login_hold_up_nobody(server, sockets):
    port, casino_id, _, _ = server
    slow = [sockets() for _ in range(SLOW)]
    for connection in slow:
        connection.sendall(HEAD % (b"/admin/login/", FORM, b"Content-Length: 1000") + b"x")
    for _ in range(5):
        assert ask(port, "/health/live")[0] == 200
        assert ask(port, "/config", casino_id)[0] == 200  # with a thread for each, 503
    assert select.select(slow, [], [], 0)[0] == []  # none has its response


@pytest.mark.exhaustive
def test_slow_body_is_told_so_and_its_connection_closed(server, sockets):
    url = url_by_socket(fast_postgresql.ensure_running(SERVER_APART), "recommendation_system")
    with granian(environment(url, REQUEST_BODY_SECONDS="3"), workers=1) as (port, _):
        connection = sockets(port)
        connection.sendall(HEAD % (b"/admin/login/", FORM, b"Content-Length: 1000") + b"xx")
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert (response.status, json.loads(response.read())["code"]) == (408, "request_timeout")
        assert response.getheader("Connection") == "close"
        assert connection.recv(1) == b""


@pytest.mark.exhaustive
def test_slow_header_holds_up_nobody(server, sockets):
    port, casino_id, _, _ = server
    for _ in range(SLOW):
        sockets().sendall(b"GET /config HTTP/1.1\r\nHost: ")
    assert ask(port, "/health/live")[0] == 200
    assert ask(port, "/config", casino_id)[0] == 200


def test_upload_without_a_login_is_rejected_unread_and_written_nowhere(server, sockets):
    folder = server[-1]
    connection = sockets()
    head = HEAD % (b"/admin/login/", b"multipart/form-data; boundary=b", b"Content-Length: 400000000")
    connection.sendall(head + b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n')
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert (response.status, json.loads(response.read())["code"]) == (413, "request_too_large")
    assert list(folder.iterdir()) == []


def test_no_file_of_a_form_is_kept(server, sockets):
    *_, process, folder = server
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 50_000 + b"\r\n--b--\r\n"
    connection = sockets()
    connection.sendall(
        HEAD % (b"/admin/login/", b"multipart/form-data; boundary=b", b"Content-Length: %d" % len(part)) + part
    )
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert response.status == 403  # without the form's CSRF token
    assert list(folder.iterdir()) == []
    assert not _open_files(process, folder)


def _open_files(process: "subprocess.Popen[bytes]", folder: Path) -> list[str]:
    """The open files of the server's workers in this folder, also deleted ones."""
    found = []
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(os.readlink(link))
    return [path for path in found if path.startswith(str(folder))]


@pytest.mark.parametrize(("method", "body"), [("GET", BIG_FILE), ("HEAD", b"")])
def test_static_file_arrives_whole(server, method, body):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server[0], timeout=120)) as connection:
        connection.request(method, "/static/big.js")
        response = connection.getresponse()
        assert (response.status, response.getheader("Content-Length")) == (200, str(len(BIG_FILE)))
        assert response.read() == body


def test_part_of_a_static_file_arrives(server):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server[0], timeout=120)) as connection:
        connection.request("GET", "/static/big.js", headers={"Range": "bytes=16-19"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (206, b"0123")


def test_clients_that_read_nothing_cost_no_memory(server, sockets):
    port, casino_id, process, _ = server
    [worker] = psutil.Process(process.pid).children()
    ask(port, "/config", casino_id)
    before = worker.memory_info().rss
    for _ in range(30):
        sockets().sendall(b"GET /static/big.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for _ in range(4):
        ask(port, "/config", casino_id)
    assert worker.memory_info().rss - before < 10 * len(BIG_FILE)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_arrives_whole(server, framing):
    port, casino_id, *_ = server
    body = json.dumps({"user_ids": [4711]}).encode()
    headers = {"Casino-ID": str(casino_id), "Content-Type": "application/json"}
    parts = iter([body[:5], body[5:]]) if framing == "chunked" else body
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request("POST", "/recommend", parts, headers, encode_chunked=framing == "chunked")
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["unknown_users"]) == (200, [4711])


def test_header_with_an_underscore_is_no_casino_id(server):
    port, casino_id, *_ = server
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request("GET", "/config", headers={"Casino_ID": str(casino_id)})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["code"]) == (400, "casino_id_missing")
