"""What every line of the log says besides its message: which request and which casino. And what none says: a path,
which may name a user."""

import logging
from typing import Any

from django.http import HttpRequest

from tenants.routing.context import find_current_casino

from .request_context import CurrentRequest, find_current_request


class RequestFilter(logging.Filter):
    """Adds `request_id` and `casino` to a record where there are such, and takes users out of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        current, casino = _request_of(record), find_current_casino()
        if casino is not None and not hasattr(record, "casino"):
            record.casino = casino.id
        if current is not None:
            record.request_id = current.id
            _hide_path(record, current)
        return True


class LineFormatter(logging.Formatter):
    """One line for people, with the request at its end."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        request_id = getattr(record, "request_id", None)
        return line if request_id is None else f"{line} [request {request_id}]"


def _request_of(record: logging.LogRecord) -> CurrentRequest | None:
    """The request under way, or the one that Django has just answered. The record forgets it: JSON would show its
    path."""
    answered: HttpRequest | None = vars(record).pop("request", None)
    request_id = getattr(answered, "request_id", None)
    if answered is None or request_id is None:
        return find_current_request()
    return CurrentRequest(request_id, answered)


def _hide_path(record: logging.LogRecord, current: CurrentRequest) -> None:
    paths = {current.request.path, current.request.get_full_path()}
    if isinstance(record.args, tuple):
        record.args = tuple(_without(argument, paths, current) for argument in record.args)


def _without(argument: Any, paths: set[str], current: CurrentRequest) -> Any:
    return current.route if isinstance(argument, str) and argument in paths else argument
