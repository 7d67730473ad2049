"""Sends a request in process, through the WSGI application."""

import io
from typing import Any

from recsys_project.wsgi import application


def get(path: str, casino_id: int, query: str = "") -> None:
    """GET the path with a casino's header. Raises SystemExit if the status is not 200."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "HTTP_CASINO_ID": str(casino_id),
    }
    statuses: list[str] = []
    response: Any = application(environ, lambda status, _: statuses.append(status))
    body = b"".join(response)
    response.close()
    if statuses != ["200 OK"]:
        raise SystemExit(f"{path}?{query} of casino {casino_id} returned {statuses}: {body[:200]!r}")
