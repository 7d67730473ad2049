"""Adds a request's id and casino to each line of the log, and replaces paths, which may name a user, by routes."""

import logging
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from tenants.routing.context import find_current_casino

UNKNOWN_ROUTE = "(unknown)"

current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


def route_of(request: HttpRequest) -> str:
    """The URL pattern that the path matches, such as `/recommend/<str:user_id>`."""
    match = request.resolver_match
    return UNKNOWN_ROUTE if match is None else f"/{match.route}"


class RequestFilter(logging.Filter):
    """Adds `request_id` and `casino` to a record, where it has them, and removes the path."""

    def filter(self, record: logging.LogRecord) -> bool:
        casino = find_current_casino()
        if casino is not None and not hasattr(record, "casino"):
            record.casino = casino.id
        # Django sets `request` on what it logs after the response; JSON would show its path
        answered = vars(record).pop("request", None)
        request = answered if isinstance(answered, HttpRequest) else current_request.get()
        if request is not None:
            record.request_id = _request_id(request)
            _hide_path(record, request)
        return True


class LineFormatter(logging.Formatter):
    """One line of text, with the request's id at its end."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        request_id = getattr(record, "request_id", None)
        return line if request_id is None else f"{line} [request {request_id}]"


def _request_id(request: HttpRequest) -> str:
    from tenants.http.request_state import request_state  # has models, which load after the log is set up

    return request_state(request).id


def _hide_path(record: logging.LogRecord, request: HttpRequest) -> None:
    paths = {request.path, request.get_full_path()}
    if isinstance(record.args, tuple):
        record.args = tuple(_without(argument, paths, request) for argument in record.args)


def _without(argument: Any, paths: set[str], request: HttpRequest) -> Any:
    return route_of(request) if isinstance(argument, str) and argument in paths else argument
