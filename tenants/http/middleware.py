"""The steps of a request: credentials, limits, casino."""

import logging
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from tenants.access.api_keys import find_key
from tenants.access.limits import admit, slots
from tenants.access.permissions import may_act_for
from tenants.current_casino import CurrentCasino
from tenants.errors import (
    CasinoBehind,
    CasinoForbidden,
    CasinoIdInvalid,
    CasinoIdMissing,
    CasinoNotFound,
    CasinoNotUsable,
    CasinoSuspended,
    CasinoUnavailable,
    NoCurrentCasino,
    RequestRejected,
)
from tenants.ids import MAX_ID
from tenants.models import Casino, CasinoState
from tenants.models.casino import ENDED_STATES, READY_STATES
from tenants.numbers import parse_whole_number
from tenants.postgresql.wait_budget import request_budget, reset_budget, set_budget
from tenants.routing.context import enter_casino, hold_casino, restore_casino
from tenants.schema.version import is_behind

from .authentication import read_basic_login
from .error_responses import (
    OUTAGE_CODE,
    OUTAGE_TEXT,
    RETRY_HEADERS,
    RejectionResponse,
    error_page_or_json,
    retry_after_parts,
)
from .request_state import RequestState, may_choose_casino, request_state

logger = logging.getLogger(__name__)

CASINO_HEADER = "HTTP_CASINO_ID"  # in META
CHOSEN_CASINO = "casino_id"  # session key: the casino chosen in the switcher
_NUL_IN_URL = "The URL has a NUL character (%00): remove it"


class RequestStateMiddleware:
    """Fills in the request's state: reads its credentials, applies its casino's limits, and makes the casino current
    until the response is rendered.

    It is outside all other middleware but the operations': a rejected request must cost little, and no later code may
    see an API key. `process_view` enters the casino: only there it is known whether the view is an endpoint of the API
    (`needs_casino`, which also counts a request without a key, once its caller is authorised) or a page, which shows
    the casino that staff have named or chosen, or none.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        state, budget = request_state(request), set_budget(request_budget())
        try:
            try:
                if state.key_digest is not None:
                    state.key = find_key(state.key_digest)
                if state.key is not None:
                    state.admitted_id = admit(request, state.key.casino)
            except RequestRejected as rejection:
                return RejectionResponse(rejection)
            except DatabaseError as error:  # views that need the key raise it; the other views work without a key
                state.credentials_error = error
            casino = hold_casino()
            try:
                return self.get_response(request)
            finally:
                restore_casino(casino)
        finally:
            if state.admitted_id is not None:
                slots.release(state.admitted_id)
            reset_budget(budget)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        state, view_class = request_state(request), getattr(view, "cls", None)  # REST framework's views have a `cls`
        if _is_admin_with_nul(request):
            return error_page_or_json(request, _NUL_IN_URL, "bad_request", status=400)
        if view_class is not None and not state.shows_key:
            read_basic_login(request)
        if state.credentials_error is not None or (state.shows_key and state.key is None):
            return None  # REST framework responds with this error first
        if state.casino is not None or state.casino_error is not None:
            return None  # the middleware of the fast path has chosen or rejected it
        if getattr(view_class, "needs_casino", False) or may_choose_casino(request):
            enter_chosen_casino(request)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Redirect a page that needs a casino to the choice of one; respond with 503 if the database is unavailable."""
        if isinstance(exception, OperationalError):
            logger.warning("%s failed with 503, database unavailable or overloaded: %s", request.path, exception)
            return error_page_or_json(request, OUTAGE_TEXT, OUTAGE_CODE, status=503, headers=RETRY_HEADERS)
        if isinstance(exception, RequestRejected):  # too many logins
            return _rejection(request, exception)
        if not isinstance(exception, NoCurrentCasino):
            return None
        messages.info(request, "Choose the casino whose data you want to see.")
        return HttpResponseRedirect(f"{reverse('choose_casino')}?{urlencode({'next': request.get_full_path()})}")


def _is_admin_with_nul(request: HttpRequest) -> bool:
    """Whether the URL of an admin page has a NUL: Django's admin would query PostgreSQL with it, which rejects it."""
    is_admin = request.resolver_match is not None and request.resolver_match.app_name == "admin"
    return is_admin and ("\0" in request.path or "%00" in request.META["QUERY_STRING"])


def enter_chosen_casino(request: HttpRequest) -> None:
    """Make the casino current that the request's credentials and headers choose, or store the error in the state."""
    state = request_state(request)
    try:
        casino, key = _find_casino(request, state), state.key
        if key is None:
            enter_casino(_usable(casino))
        else:
            key.usable = key.usable or _usable(casino)  # valid as long as the cached row
            enter_casino(key.usable)
        state.casino = casino
    except (CasinoNotUsable, OperationalError) as error:  # views that need the casino raise it
        state.casino_error = error


def _usable(casino: Casino | None) -> CurrentCasino:
    """The casino with its database. Raises CasinoNotUsable."""
    if casino is None or casino.state in ENDED_STATES:
        raise CasinoNotFound("Casino not found")
    if casino.state == CasinoState.SUSPENDED:
        raise CasinoSuspended("Casino is suspended")
    if casino.state not in READY_STATES:
        raise CasinoUnavailable(f"Casino is not available: its state is {casino.state}")
    if is_behind(casino.schema_version):
        raise CasinoBehind("Casino is being upgraded")
    return casino.current


def _find_casino(request: HttpRequest, state: RequestState) -> Casino | None:
    """The casino of the API key; without one, of the header `Casino-ID`, or else the one chosen in the switcher.
    Raises CasinoIdInvalid, CasinoIdMissing, CasinoForbidden."""
    text = request.META.get(CASINO_HEADER)
    casino_id = None if text is None else parse_whole_number(text)
    if text is not None and casino_id is None:
        raise CasinoIdInvalid("Casino-ID header must be an integer")
    if state.key is not None:
        if casino_id not in (None, state.key.casino.id):
            raise CasinoForbidden("This API key is for another casino")
        return state.key.casino
    if casino_id is None:
        casino_id = _chosen_id(request)
    if not may_act_for(state.login or request.user, casino_id):
        raise CasinoForbidden("This login is not permitted to use this casino")
    return Casino.objects.all().find(casino_id) if 0 < casino_id <= MAX_ID else None


def _chosen_id(request: HttpRequest) -> int:
    chosen = request.session.get(CHOSEN_CASINO) if may_choose_casino(request) else None
    if chosen is None:
        raise CasinoIdMissing("Casino-ID header is required")
    return int(chosen)


def _rejection(request: HttpRequest, rejection: RequestRejected) -> HttpResponse:
    details, headers = retry_after_parts(rejection)
    return error_page_or_json(
        request, str(rejection), rejection.code, status=rejection.status, details=details, headers=headers
    )
