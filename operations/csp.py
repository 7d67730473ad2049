"""What a page may load and run: the content security policy of each part of the site."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"

_SHARED = (
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# Nothing inline, no eval, nothing from elsewhere.
STRICT = f"default-src 'none'; script-src 'self'; style-src 'self'; {_SHARED}"
# The admin's theme evaluates its attributes (Alpine), and sets its colours in a style element.
OF_THE_ADMIN = f"default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; {_SHARED}"
# The pages of REST framework have inline styles; their scripts are files.
OF_THE_API = f"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; {_SHARED}"


class ContentPolicyMiddleware:
    """Sends the policy of the part of the site that answers; a view that sets one of its own keeps it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault(HEADER, _policy_of(request, response))
        return response


def _policy_of(request: HttpRequest, response: HttpResponse) -> str:
    match = request.resolver_match
    if match is not None and match.route.startswith("admin/") and match.url_name != "login":
        return OF_THE_ADMIN
    is_of_the_api = hasattr(response, "accepted_renderer") and response.accepted_renderer.format == "api"
    return OF_THE_API if is_of_the_api else STRICT
