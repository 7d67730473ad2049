"""The event loop reads requests, bounds their bodies and answers liveness probes; threads run complete ones."""

import asyncio
import json
import threading
import time

import pytest

from operations.asgi_adapter import AsgiAdapter, build_environ
from tenants.answer_delay import answer_after
from tenants.tests.memory import least_allocated
from tenants.tests.waiting import PATIENCE_SECONDS, require_quick, wait_until


class Application:
    """A WSGI application that echoes the request; for `hanging` paths it waits until it is released."""

    def __init__(self):
        self.hanging = {"/hang"}
        self.release = threading.Event()
        self.asked = []

    def __call__(self, environ, start_response):
        self.asked.append(environ)
        if environ["PATH_INFO"] in self.hanging:
            self.release.wait(120)
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("broken")
        start_response("201 Created", [("X-Method", environ["REQUEST_METHOD"])])
        return [environ["wsgi.input"].read()]


class Client:
    """One HTTP request to an ASGI application: `chunks` arrive one by one, or never (None)."""

    def __init__(self, method="POST", path="/config", chunks=(b"",), headers=()):
        self.status, self.headers, self.body = 0, {}, b""
        self.read = 0
        self._chunks = list(chunks)
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": b"a=1",
            "headers": list(headers),
            "client": ("10.0.0.9", 5),
            "server": ("127.0.0.1", 8000),
            "scheme": "http",
        }

    async def receive(self):
        self.read += 1
        if not self._chunks or self._chunks[0] is None:
            await asyncio.Future()
        if self._chunks[0] == "gone":
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._chunks.pop(0), "more_body": bool(self._chunks)}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]

    @property
    def code(self):
        return json.loads(self.body)["code"]


LOGIN = (b"authorization", b"Api-Key x")
CHUNKED = (b"transfer-encoding", b"chunked")


def length(number):
    return b"content-length", str(number).encode()


@pytest.fixture
def application():
    application = Application()
    yield application
    application.release.set()


@pytest.fixture
def adapter(application, settings):
    settings.RECSYS_OPEN_API = False
    settings.WEB_THREADS = 2
    settings.REQUEST_BODY_BYTES, settings.REQUEST_BODIES_BYTES = 1_000, 3_000
    settings.WEB_QUEUE_SECONDS = settings.REQUEST_BODY_SECONDS = settings.REQUEST_BODY_IDLE_SECONDS = PATIENCE_SECONDS
    return AsgiAdapter(application)


def ask(adapter, *clients):
    """Send the requests at once, and wait for all responses."""

    async def run():
        await asyncio.wait_for(
            asyncio.gather(*(adapter(each.scope, each.receive, each.send) for each in clients)), PATIENCE_SECONDS
        )

    asyncio.run(run())
    return clients[0]


def test_request_without_body_reads_none(adapter, application):
    client = ask(adapter, Client("GET"))
    assert (client.status, client.headers, client.body, client.read) == (201, {"x-method": "GET"}, b"", 0)
    environ = application.asked[0]
    assert (environ["QUERY_STRING"], environ["REMOTE_ADDR"], environ["SERVER_PORT"]) == ("a=1", "10.0.0.9", "8000")


@pytest.mark.parametrize("framing", [length(6), CHUNKED])
def test_body_is_read_whole_before_a_thread_runs(adapter, application, framing):
    client = ask(adapter, Client(chunks=[b"ab", b"cd", b"ef"], headers=[LOGIN, framing]))
    assert (client.status, client.body) == (201, b"abcdef")
    assert application.asked[0]["CONTENT_LENGTH"] == "6"
    assert "HTTP_TRANSFER_ENCODING" not in application.asked[0]


def test_path_that_is_no_text_is_a_bad_request(adapter, application):
    client = ask(adapter, Client("GET", path="/recommend/\ud800"))
    assert (client.status, client.code, application.asked) == (400, "bad_request", [])


def test_delayed_answers_wait_without_a_thread(settings):
    def application(environ, start_response):
        answer_after(0.5)
        answer_after(0.1)  # the longest counts
        start_response("200 OK", [])
        return [b"done"]

    settings.WEB_THREADS = 1
    adapter = AsgiAdapter(application)

    def ask_six() -> None:
        clients, began = [Client("GET") for _ in range(6)], time.monotonic()
        ask(adapter, *clients)
        assert time.monotonic() - began >= 0.5
        assert [(each.status, each.body) for each in clients] == [(200, b"done")] * 6

    require_quick(ask_six, 2.5)  # one after the other, 3 s


def test_length_above_the_limit_is_rejected_before_a_byte_is_read(adapter, application):
    client = ask(adapter, Client(headers=[LOGIN, length(1_001)]))
    assert (client.status, client.code, client.read, application.asked) == (413, "request_too_large", 0, [])
    assert client.headers["connection"] == "close"


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5_000])
def test_absurd_length_is_rejected(adapter, number):
    assert ask(adapter, Client(headers=[LOGIN, length(number)])).status == 413


def test_chunked_body_above_the_limit_is_rejected_at_once(adapter, application):
    client = ask(adapter, Client(chunks=[b"x" * 600] * 9, headers=[LOGIN, CHUNKED]))
    assert (client.status, client.code, client.read, application.asked) == (413, "request_too_large", 2, [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_body_without_a_login_is_not_read(adapter, application, method):
    client = ask(adapter, Client(method, chunks=[None], headers=[length(400_000_000)]))
    assert (client.status, client.body, client.read) == (201, b"", 0)
    assert application.asked[0]["CONTENT_LENGTH"] == "0"


def test_body_without_a_login_is_read_in_an_open_installation(adapter, settings):
    settings.RECSYS_OPEN_API = True
    assert ask(adapter, Client(chunks=[b"ab"], headers=[length(2)])).body == b"ab"


def test_body_of_a_get_is_not_read(adapter, application):
    client = ask(adapter, Client("GET", chunks=[b"ab"], headers=[LOGIN, length(2)]))
    assert (client.status, client.body, client.read) == (201, b"", 0)


@pytest.mark.parametrize("limit", ["REQUEST_BODY_SECONDS", "REQUEST_BODY_IDLE_SECONDS"])
def test_body_that_does_not_arrive_in_time_is_rejected(adapter, application, settings, limit):
    setattr(settings, limit, 0.05)
    client = ask(adapter, Client(chunks=[b"x", None], headers=[LOGIN, length(9)]))
    assert (client.status, client.code, application.asked) == (408, "request_timeout", [])
    assert client.headers["connection"] == "close"


def test_client_that_hangs_up_gets_no_thread(adapter, application):
    client = ask(adapter, Client(chunks=[b"x", "gone"], headers=[LOGIN, length(9)]))
    assert (client.status, client.code, application.asked) == (400, "bad_request", [])


def test_other_transfer_coding_than_chunked_is_rejected(adapter, application):
    client = ask(adapter, Client(chunks=[b"x"], headers=[LOGIN, (b"transfer-encoding", b"gzip, chunked")]))
    assert (client.status, client.code, application.asked) == (400, "bad_request", [])


def test_slowest_body_makes_room_when_all_together_are_too_large(adapter):
    slow = [Client(chunks=[b"x" * 900, None], headers=[LOGIN, length(901)]) for _ in range(4)]
    quick = Client(chunks=[b"x" * 500] * 2, headers=[LOGIN, length(1_000)])

    async def run():
        tasks = [asyncio.create_task(adapter(each.scope, each.receive, each.send)) for each in (*slow, quick)]
        await asyncio.wait_for(asyncio.gather(*tasks[:2], tasks[-1]), PATIENCE_SECONDS)
        for task in tasks:
            task.cancel()

    asyncio.run(run())
    assert (quick.status, len(quick.body)) == (201, 1_000)
    assert [each.status for each in slow] == [408, 408, 0, 0]


def test_liveness_is_answered_while_all_threads_hang(adapter, application):
    hanging = [Client("GET", "/hang") for _ in range(3)]

    async def run():
        tasks = [asyncio.create_task(adapter(each.scope, each.receive, each.send)) for each in hanging]
        await asyncio.to_thread(wait_until, lambda: len(application.asked) == 2)
        live, metrics = Client("GET", "/health/live"), Client("GET", "/metrics")
        for probe in (live, metrics):
            await asyncio.wait_for(adapter(probe.scope, probe.receive, probe.send), PATIENCE_SECONDS)
        assert (live.status, json.loads(live.body)) == (200, {"status": "live"})
        assert metrics.status == 201  # by the application, in a thread of its own
        application.release.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert [each.status for each in hanging] == [201] * 3


def test_requests_are_answered_while_readiness_hangs(adapter, application):
    """Anybody may send probes, and a check waits for the broker and for databases."""
    application.hanging = {"/health/ready"}
    request = Client("GET")

    async def run():
        probes = [Client("GET", "/health/ready") for _ in range(16)]
        hanging = [asyncio.ensure_future(adapter(each.scope, each.receive, each.send)) for each in probes]
        while not application.asked:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(adapter(request.scope, request.receive, request.send), PATIENCE_SECONDS)
        assert not any(each.done() for each in hanging)
        application.release.set()
        await asyncio.gather(*hanging)

    asyncio.run(run())
    assert request.status == 201


def test_request_that_finds_no_thread_in_time_is_rejected(adapter, application, settings):
    settings.WEB_QUEUE_SECONDS = 0.05
    hanging, late = [Client("GET", "/hang") for _ in range(2)], Client("GET")

    async def run():
        tasks = [asyncio.create_task(adapter(each.scope, each.receive, each.send)) for each in hanging]
        await asyncio.sleep(0)
        await asyncio.wait_for(adapter(late.scope, late.receive, late.send), PATIENCE_SECONDS)
        application.release.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert (late.status, late.code, late.headers["retry-after"]) == (503, "server_busy", "1")
    assert [each.status for each in hanging] == [201] * 2


def test_no_more_requests_wait_than_configured(adapter, application, settings):
    settings.WEB_QUEUE = 1
    clients = [Client("GET", "/hang") for _ in range(4)]

    async def run():
        tasks = [asyncio.create_task(adapter(each.scope, each.receive, each.send)) for each in clients]
        await asyncio.wait_for(tasks[3], PATIENCE_SECONDS)
        application.release.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert [each.status for each in clients] == [201, 201, 201, 503]


def test_threads_are_free_again_after_an_error(adapter):
    for _ in range(5):
        with pytest.raises(RuntimeError):
            ask(adapter, Client("GET", "/broken"))
    assert ask(adapter, Client("GET")).status == 201


def test_header_names_with_an_underscore_are_dropped():
    headers = [(b"casino-id", b"1"), (b"casino_id", b"2"), (b"x_forwarded_proto", b"https")]
    environ = build_environ(Client(headers=headers).scope)
    assert environ["HTTP_CASINO_ID"] == "1"
    assert "HTTP_X_FORWARDED_PROTO" not in environ


def test_long_names_of_headers_do_not_stay_in_memory():
    def read_many(run):
        for number in range(20):
            build_environ(Client(headers=[(b"x" * 100_000 + b"%d %d" % (run, number), b"")]).scope)

    read_many(0)
    assert least_allocated(read_many) < 1_000_000


def test_repeated_headers_are_joined():
    headers = [(b"casino-id", b"1"), (b"casino-id", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    environ = build_environ(Client(headers=headers).scope)
    assert (environ["HTTP_CASINO_ID"], environ["HTTP_COOKIE"]) == ("1,2", "a=1; b=2")
