"""Runs the WSGI application behind an ASGI server. The event loop reads requests and answers liveness probes; only a
complete request occupies a thread."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from tenants.errors import ServerBusy
from tenants.http.error_responses import RejectionResponse, error_response

from .metrics import count_request
from .middleware import REFUSED_ROUTE, early_rejection
from .probes import LIVE_PATH, PROBES, live
from .request_bodies import BodyReader, BodyRejected
from .worker_threads import Application, Environ, SentFile, WholeResponse, WorkerThreads, encode_header

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_PROBE_THREADS = 2
_REJECTION_SECONDS = 0.1  # delay of early rejections
_CLOSE = (b"connection", b"close")
_CONSTANTS: Environ = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class AsgiAdapter:
    """An ASGI application around the WSGI application.

    A connection that sends nothing, or one byte at a time, costs memory but no thread. For `WEB_DRAIN_SECONDS`
    after SIGTERM, each response closes its connection; then the server stops.
    """

    def __init__(self, application: Application) -> None:
        self._requests = WorkerThreads(application, settings.WEB_THREADS)
        self._probes = WorkerThreads(application, _PROBE_THREADS)
        self._bodies = BodyReader()
        self._is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(scope, receive)
        if response.send_at:
            await asyncio.sleep(response.send_at - time.monotonic())
        if self._is_draining:
            response.headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        if response.path:
            await send({"type": "http.response.pathsend", "path": response.path})
        else:
            await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, scope: Scope, receive: Receive) -> WholeResponse:
        path = scope["path"]
        if path == LIVE_PATH:
            return _as_response(live())
        try:
            environ = build_environ(scope)
        except UnicodeEncodeError:
            return _refused_path(scope["method"])
        try:
            if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
                _replace_body(environ, await self._bodies.read(environ, receive))
            elif (rejected := early_rejection(environ)) is not None:
                response = _as_response(rejected)  # without a thread, and delayed: clients that retry at once must wait
                response.send_at = time.monotonic() + _REJECTION_SECONDS
                return response
            return await (self._probes if path in PROBES else self._requests).run(environ)
        except BodyRejected as rejection:
            response = _as_response(error_response(str(rejection), rejection.code, status=rejection.status))
            response.headers.append(_CLOSE)  # the rest of the body is not read
        except ServerBusy as rejection:
            response = _as_response(RejectionResponse(rejection))
        count_request(environ["REQUEST_METHOD"], REFUSED_ROUTE, response.status, None, 0.0)
        return response

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "lifespan.startup":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._drain)
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})

    def _drain(self) -> None:
        """Stop after `WEB_DRAIN_SECONDS`, or at once at a second signal. The server itself handles SIGINT."""
        delay = 0.0 if self._is_draining else settings.WEB_DRAIN_SECONDS
        self._is_draining = True
        asyncio.get_running_loop().call_later(delay, os.kill, os.getpid(), signal.SIGINT)


def build_environ(scope: Scope) -> Environ:
    """The WSGI environ of a request without its body. Headers with an underscore in the name are left out: in the
    environ they would equal those with a hyphen. Raises UnicodeEncodeError for a path with a lone surrogate."""
    host, port = scope.get("server") or ("", None)
    environ: Environ = {
        **_CONSTANTS,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(),
    }
    if "http.response.pathsend" in scope.get("extensions", ()):
        environ["wsgi.file_wrapper"] = SentFile
    for name, value in scope["headers"]:
        if (key := (_cached_key if len(name) <= _CACHED_BYTES else _environ_key)(name)) is not None:
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{_SEPARATORS.get(key, ',')}{text}" if key in environ else text
    return environ


_SEPARATORS = {"HTTP_COOKIE": "; "}


_CACHED_BYTES = 64  # of a header's name; longer names would fill the memory


def _environ_key(name: bytes) -> str | None:
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


_cached_key = lru_cache(1_024)(_environ_key)


def _replace_body(environ: Environ, body: bytes) -> None:
    """Set the read body in the environ, and the headers of a body that is not chunked."""
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(len(body)), BytesIO(body)


def _refused_path(method: str) -> WholeResponse:
    response = _as_response(error_response("Bad request: the path is not valid UTF-8", "bad_request", status=400))
    count_request(method, REFUSED_ROUTE, response.status, None, 0.0)
    return response


def _as_response(response: HttpResponse) -> WholeResponse:
    headers = [*response.items(), ("Content-Length", str(len(response.content)))]
    return WholeResponse(response.status_code, [encode_header(*header) for header in headers], response.content)
