"""Reads request bodies in the event loop, bounded in size, time and memory, so that a slow or huge body occupies
neither a thread nor a file."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from .worker_threads import Environ

Receive = Callable[[], Awaitable[Any]]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class BodyRejected(Exception):
    """The base class: a body is not read to its end. `status` and `code` are those of the response."""

    status = 400
    code = "bad_request"


class BodyTooLarge(BodyRejected):
    status, code = 413, "request_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request is too large: send at most {limit} bytes")


class BodyTooSlow(BodyRejected):
    status, code = 408, "request_timeout"

    def __init__(self) -> None:
        super().__init__("The request's body did not arrive in time; send it without pauses")


class BodyIncomplete(BodyRejected):
    """The client closed the connection, or sent an invalid chunk."""

    def __init__(self) -> None:
        super().__init__("The request's body is incomplete or malformed")


@dataclass(eq=False, slots=True)
class _Reading:
    """A body that is being read."""

    deadline: asyncio.Timeout
    received: int = 0


class BodyReader:
    """Reads bodies within `REQUEST_BODY_BYTES`, `REQUEST_BODY_SECONDS` and `REQUEST_BODY_IDLE_SECONDS`. If all bodies
    being read exceed `REQUEST_BODIES_BYTES`, the one that began first is rejected: it is the slowest."""

    def __init__(self) -> None:
        self._readings: dict[_Reading, None] = {}  # in order of their start
        self._received = 0

    async def read(self, environ: Environ, receive: Receive) -> bytes:
        """The body; empty if the request may have none. Raises BodyRejected."""
        if not _is_due(environ):
            return b""
        if environ.get("HTTP_TRANSFER_ENCODING", "chunked").lower() != "chunked":
            raise BodyIncomplete
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal() and int(length[:19]) > settings.REQUEST_BODY_BYTES:
            raise BodyTooLarge(settings.REQUEST_BODY_BYTES)
        deadline = asyncio.get_running_loop().time() + settings.REQUEST_BODY_SECONDS
        reading = _Reading(asyncio.timeout_at(deadline))
        try:
            async with reading.deadline:
                return await self._read(reading, receive, deadline)
        except TimeoutError:
            raise BodyTooSlow from None
        finally:
            self._forget(reading)

    async def _read(self, reading: _Reading, receive: Receive, deadline: float) -> bytes:
        loop, chunks = asyncio.get_running_loop(), []
        self._readings[reading] = None
        while True:
            reading.deadline.reschedule(min(deadline, loop.time() + settings.REQUEST_BODY_IDLE_SECONDS))
            message = await receive()
            self._require_counted(reading)  # it may be evicted in the turn of the event loop in which it receives
            if message["type"] != "http.request":
                raise BodyIncomplete
            chunk = message.get("body", b"")
            reading.received += len(chunk)
            self._received += len(chunk)
            if reading.received > settings.REQUEST_BODY_BYTES:
                raise BodyTooLarge(settings.REQUEST_BODY_BYTES)
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)
            self._bound_memory()
            self._require_counted(reading)

    def _require_counted(self, reading: _Reading) -> None:
        if reading not in self._readings:
            raise BodyTooSlow

    def _bound_memory(self) -> None:
        while self._received > settings.REQUEST_BODIES_BYTES and self._readings:
            slowest = next(iter(self._readings))
            self._forget(slowest)
            slowest.deadline.reschedule(asyncio.get_running_loop().time())

    def _forget(self, reading: _Reading) -> None:
        self._readings.pop(reading, None)
        self._received -= reading.received
        reading.received = 0


def _is_due(environ: Environ) -> bool:
    """Whether the request may have a body for a view. In a closed installation it needs credentials; even the login
    page needs a cookie."""
    if environ["REQUEST_METHOD"] in _BODILESS:
        return False
    has_credentials = "HTTP_AUTHORIZATION" in environ or "HTTP_COOKIE" in environ
    return bool(has_credentials or settings.RECSYS_OPEN_API)
