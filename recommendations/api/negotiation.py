"""Content negotiation: JSON for programs, HTML for browsers."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from tenants.http.request_state import request_state


class ApiContentNegotiation(DefaultContentNegotiation):
    """A caller with an API key gets JSON for every `Accept` (Java's clients accept HTML first), unless the URL has
    `?format=`. An empty `Accept` is treated as a missing one. Only browsers may send forms."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        if not _is_browser(request):
            parsers = [parser for parser in parsers if not isinstance(parser, FormParser | MultiPartParser)]
        return super().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        is_named = self.settings.URL_FORMAT_OVERRIDE in request.query_params
        if request_state(request._request).shows_key and not is_named:
            first = next(iter(renderers))
            return first, str(first.media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        return chosen

    def get_accept_list(self, request: Request) -> list[str]:
        return super().get_accept_list(request) or ["*/*"]


def _is_browser(request: Request) -> bool:
    return not request_state(request._request).shows_key and "text/html" in request.META.get("HTTP_ACCEPT", "")
