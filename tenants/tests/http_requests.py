"""Sends requests to the project's WSGI and ASGI handlers, with all middleware, without a server or a test client."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler


@dataclass
class Answer:
    status: int = 0
    chunks: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> str:
        return b"".join(self.chunks).decode()


def ask_wsgi(handler: WSGIHandler, path: str, casino_id: int) -> Answer:
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_CASINO_ID": str(casino_id)}
    setup_testing_defaults(environ)
    answer = Answer()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answer.status = int(status[:3])

    response = handler(environ, start_response)
    answer.chunks.extend(response)
    response.close()
    return answer


async def ask_asgi(handler: ASGIHandler, path: str, casino_id: int) -> Answer:
    answer = Answer()
    connection: Any = _Connection(answer)
    await handler(_scope(path, casino_id), connection.receive, connection.send)
    return answer


class _Connection:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.has_asked = False

    async def receive(self) -> dict[str, Any]:
        if not self.has_asked:
            self.has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return await asyncio.Future()  # the client stays connected

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
        elif message.get("body"):
            self.answer.chunks.append(message["body"])


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
