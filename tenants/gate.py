"""The gate that every request comes through first: here its API key is taken off it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .keys import take_key


class GateMiddleware:
    """Before everything else, so that nothing behind it meets with a key: no log, no report of an error, no page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        take_key(request)
        return self.get_response(request)
