"""A consumer's HTTP server: /metrics, /health/live and /health/ready."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tenants.postgresql.stalls import stalls

LIVE_SECONDS = 120.0  # longer than any loop iteration may take: connecting, locks and retries have shorter limits

HttpAnswer = tuple[int, str, bytes]


class Health:
    """A consumer's health: its loop writes it, and the server's threads read it."""

    def __init__(self) -> None:
        self.last_loop_at = time.monotonic()
        self.has_joined = False
        self.problem = self.broker_problem = ""
        self.parked = ""  # the casinos with parked messages, and the reasons

    def live(self) -> HttpAnswer:
        """200 while the loop runs; otherwise 503, and the process should be restarted."""
        seconds = time.monotonic() - self.last_loop_at
        return _text(seconds < LIVE_SECONDS, f"last loop iteration {seconds:.0f} s ago")

    def ready(self) -> HttpAnswer:
        """200 while messages are stored, even if one casino's are parked; otherwise 503."""
        if not self.has_joined:
            return _text(False, "has not joined the consumer group yet")
        parked = f", but those of {self.parked}" if self.parked else ""
        problem = self.problem or self.broker_problem
        silent = "".join(f"; no answer from the database server {name}" for name in stalls.silent_servers())
        return _text(not problem, (problem or f"messages are stored{parked}") + silent)


@contextmanager
def serving(health: Health, host: str, port: int) -> Iterator[int]:
    """Serve while the block runs; yields the port, a free one if `port` is 0. Raises OSError."""
    pages: dict[str, Callable[[], HttpAnswer]] = {
        "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest()),
        "/health/live": health.live,
        "/health/ready": health.ready,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, content_type, body = page() if page else _text(False, "not found", status=404)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Do not log probes: they come every few seconds."""

    with ThreadingHTTPServer((host, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def _text(is_ok: bool, text: str, status: int = 503) -> HttpAnswer:
    return 200 if is_ok else status, "text/plain; charset=utf-8", f"{text}\n".encode()
