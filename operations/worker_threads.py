"""The threads of a web process. Each runs one complete request of the WSGI application at a time."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, BinaryIO

from django.conf import settings

from tenants.answer_delay import answer_delay
from tenants.errors import ServerBusy

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Header = tuple[bytes, bytes]


@dataclass(slots=True)
class WholeResponse:
    """A response with its whole body, for ASGI. `path`: of a static file that the server sends, so that it is never in
    memory while slow clients read. `send_at`: earliest time of sending (monotonic seconds)."""

    status: int
    headers: list[Header]
    body: bytes = b""
    path: str = ""
    send_at: float = 0.0


class SentFile:
    """A replacement of WSGI's `wsgi.file_wrapper`: a file that the server sends."""

    def __init__(self, file: BinaryIO, block_size: int = 8_192) -> None:
        self._file, self._block_size = file, block_size
        name = getattr(file, "name", None)  # a part of a file has none
        self.path = name if isinstance(name, str) else ""

    def __iter__(self) -> Iterator[bytes]:
        return iter(partial(self._file.read, self._block_size), b"")

    def close(self) -> None:
        self._file.close()


_Job = tuple[Environ, asyncio.AbstractEventLoop, "asyncio.Future[WholeResponse]"]


class WorkerThreads:
    """Runs a WSGI application in `count` threads. A request is rejected if no thread becomes free within
    `WEB_QUEUE_SECONDS`, or if `WEB_QUEUE` requests are waiting.

    All methods but `_work` run in the event loop. `asyncio.to_thread` and its executor would cost a request 60 µs more.
    """

    def __init__(self, application: Application, count: int) -> None:
        self._application = application
        self._count = count
        self._busy = 0
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._threads: list[threading.Thread] = []

    async def run(self, environ: Environ) -> WholeResponse:
        """The application's response. Raises ServerBusy."""
        if self._busy < self._count:
            self._busy += 1
        else:
            await self._wait()
        if len(self._threads) < self._busy:
            try:
                self._start_thread()
            except BaseException:  # RuntimeError for lack of memory or threads: another request may succeed
                self._release()
                raise
        loop = asyncio.get_running_loop()
        future: asyncio.Future[WholeResponse] = loop.create_future()
        self._jobs.put((environ, loop, future))
        return await future

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"web-{len(self._threads) + 1}", daemon=True)
        thread.start()
        self._threads.append(thread)

    async def _wait(self) -> None:
        """Wait for a thread. It then belongs to this request. Raises ServerBusy."""
        if len(self._waiting) >= settings.WEB_QUEUE:  # includes requests that gave up, until a thread becomes free
            raise ServerBusy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(settings.WEB_QUEUE_SECONDS):
                await turn
        except TimeoutError:
            self._stop_waiting(turn)
            raise ServerBusy from None
        except BaseException:  # the request is cancelled
            self._stop_waiting(turn)
            raise

    def _stop_waiting(self, turn: "asyncio.Future[None]") -> None:
        """Stop waiting. If a thread was assigned at the same time, release it."""
        if not turn.cancel() and not turn.cancelled():
            self._release()

    def _release(self) -> None:
        """Give the thread to the request that has waited longest, if any."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy -= 1

    def _finish(self, future: "asyncio.Future[WholeResponse]", result: WholeResponse | BaseException) -> None:
        self._release()
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)

    def _work(self) -> None:
        while True:
            environ, loop, future = self._jobs.get()
            result: WholeResponse | BaseException
            try:
                with answer_delay() as delay:
                    result = _call(self._application, environ)
                result.send_at = delay.send_at
            except BaseException as error:  # noqa: BLE001 (raised in the event loop, whose server logs it)
                result = error
            loop.call_soon_threadsafe(self._finish, future, result)


def _call(application: Application, environ: Environ) -> WholeResponse:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = status, headers

    chunks, body, path = application(environ, start_response), b"", ""
    try:
        if isinstance(chunks, SentFile) and environ["REQUEST_METHOD"] != "HEAD":
            path = chunks.path
        if not path:
            body = b"".join(chunks)
    finally:
        if (close := getattr(chunks, "close", None)) is not None:
            close()
    status, headers = started
    return WholeResponse(int(status[:3]), [encode_header(*header) for header in headers], body, path)


def encode_header(name: str, value: str) -> Header:
    return name.lower().encode("latin-1"), value.encode("latin-1")
