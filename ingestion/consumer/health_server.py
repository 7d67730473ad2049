"""A small HTTP server beside a consumer: /metrics, /health/live and /health/ready."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

LIVE_SECONDS = 120.0  # longer than any turn of the loop should take: connecting, locks and retries have shorter limits

Answer = tuple[int, str, bytes]


class Health:
    """How a consumer is. Its loop writes, the server's threads read."""

    def __init__(self) -> None:
        self.turned_at = time.monotonic()
        self.has_joined = False
        self.trouble = ""

    def live(self) -> Answer:
        """Whether the loop turns; who finds that it does not may start the process again."""
        seconds = time.monotonic() - self.turned_at
        return _words(seconds < LIVE_SECONDS, f"the last turn began {seconds:.0f} s ago")

    def ready(self) -> Answer:
        """Whether messages get stored."""
        if not self.has_joined:
            return _words(False, "not yet a member of the consumer group")
        return _words(not self.trouble, self.trouble or "messages get stored")


@contextmanager
def serving(health: Health, host: str, port: int) -> Iterator[int]:
    """Serve while the block runs; answers the port, which is a free one where `port` is 0. Raises OSError."""
    pages: dict[str, Callable[[], Answer]] = {
        "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest()),
        "/health/live": health.live,
        "/health/ready": health.ready,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, content_type, body = page() if page else _words(False, "no such page", status=404)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Probes come every few seconds; nobody wants to read of them."""

    with ThreadingHTTPServer((host, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def _words(is_fine: bool, text: str, status: int = 503) -> Answer:
    return 200 if is_fine else status, "text/plain; charset=utf-8", f"{text}\n".encode()
