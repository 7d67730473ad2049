"""Adds a request's id and casino to each log line, and replaces paths, which may name a user, by routes."""

import logging
from contextvars import ContextVar

from django.http import HttpRequest

from tenants.routing.context import find_current_casino

current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


class RequestFilter(logging.Filter):
    """Adds the current request's id and casino to a record as `request_id` and `casino`, and removes the path."""

    def filter(self, record: logging.LogRecord) -> bool:
        casino = find_current_casino()
        if casino is not None and not hasattr(record, "casino"):
            record.casino = casino.id
        # Django sets `request` on its records after the response; the JSON format would show its path
        answered = vars(record).pop("request", None)
        request = answered if isinstance(answered, HttpRequest) else current_request.get()
        if request is not None:
            _add_request(record, request)
        return True


class LineFormatter(logging.Formatter):
    """One line of text, with the request's id at its end."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        request_id = getattr(record, "request_id", None)
        return line if request_id is None else f"{line} [request {request_id}]"


def _add_request(record: logging.LogRecord, request: HttpRequest) -> None:
    from tenants.http.request_state import request_state, route_of  # imports models, which load after the logging setup

    record.request_id = request_state(request).id
    paths, route = {request.path, request.get_full_path()}, route_of(request)
    paths |= {path.encode("unicode_escape").decode() for path in paths}  # the form of Django's escaped arguments
    if isinstance(record.args, tuple):
        record.args = tuple(route if isinstance(each, str) and each in paths else each for each in record.args)
