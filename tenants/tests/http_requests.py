"""Asks the project's WSGI and ASGI handlers, with all of its middleware, and without a server or a test client."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler


@dataclass
class Answer:
    """`is_cut` says that the answer broke off after its head was sent."""

    status: int = 0
    chunks: list[bytes] = field(default_factory=list)
    is_cut: bool = False

    @property
    def text(self) -> str:
        return b"".join(self.chunks).decode()


def ask_wsgi(handler: WSGIHandler, path: str, casino_id: int, *, at_most: int | None = None) -> Answer:
    """Take the answer, or hang up after `at_most` chunks."""
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_CASINO_ID": str(casino_id)}
    setup_testing_defaults(environ)
    answer = Answer()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answer.status = int(status[:3])

    response = handler(environ, start_response)
    try:
        answer.chunks.extend(islice(_cut_short(response, answer), at_most))
    finally:
        getattr(response, "close", bool)()
    return answer


def _cut_short(chunks: Any, answer: Answer) -> Iterator[bytes]:
    """The chunks until their maker fails; a server would break the connection off."""
    try:
        yield from chunks
    except Exception:  # noqa: BLE001 (a view of the tests' raises what it likes)
        answer.is_cut = True


async def ask_asgi(handler: ASGIHandler, path: str, casino_id: int, *, at_most: int | None = None) -> Answer:
    """Take the answer, or hang up after `at_most` chunks."""
    answer = Answer()
    connection: Any = _Connection(answer, at_most)
    try:
        await handler(_scope(path, casino_id), connection.receive, connection.send)
    except Exception:  # noqa: BLE001 (see above)
        answer.is_cut = True
    return answer


class _Connection:
    def __init__(self, answer: Answer, at_most: int | None) -> None:
        self.answer, self.at_most = answer, at_most
        self.has_asked = False
        self.hung_up = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self.has_asked:
            self.has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
        elif message.get("body") and not self.hung_up.is_set():
            self.answer.chunks.append(message["body"])
        if self.at_most is not None and len(self.answer.chunks) >= self.at_most:
            self.hung_up.set()


def _scope(path: str, casino_id: int) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"casino-id", str(casino_id).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
