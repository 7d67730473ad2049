"""The Content-Security-Policy of each part of the site."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"

_SHARED = (
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# No inline code, no eval, no other hosts.
STRICT_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; {_SHARED}"
# The admin's theme evaluates its attributes (Alpine), and sets its colours in a style element.
ADMIN_POLICY = f"default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; {_SHARED}"
# REST framework's pages have inline styles; their scripts are files.
API_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; {_SHARED}"


class ContentPolicyMiddleware:
    """Sends the policy of the requested part of the site, unless the view has set one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault(HEADER, _policy_of(request, response))
        return response


def _policy_of(request: HttpRequest, response: HttpResponse) -> str:
    match = request.resolver_match
    if match is not None and match.route.startswith("admin/") and match.url_name != "login":
        return ADMIN_POLICY
    is_api_page = hasattr(response, "accepted_renderer") and response.accepted_renderer.format == "api"
    return API_POLICY if is_api_page else STRICT_POLICY
