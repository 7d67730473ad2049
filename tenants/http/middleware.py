"""Finds out whose request this is, and makes that casino current until the answer is rendered."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from tenants.access.permissions import may_act_for, may_choose_casino
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
)
from tenants.ids import MAX_ID
from tenants.models import Casino, CasinoState
from tenants.models.casino import ENDED_STATES, READY_STATES
from tenants.routing.context import use_casino
from tenants.schema.version import is_behind

from .error_responses import error_response
from .streaming import bind_stream

logger = logging.getLogger(__name__)

CASINO_HEADER = "Casino-ID"
CHOSEN_CASINO = "casino_id"  # key of the session: the switcher's choice
OUTAGE_CODE = "database_unavailable"
OUTAGE_TEXT = "The casino's database can't be used at present; try again soon"
RETRY = {"Retry-After": "1"}  # seconds


class CasinoMiddleware:
    """Makes the casino of a request current: at once for whoever may choose one, and otherwise only when a view that
    has checked who asks calls `require_casino`.

    An API key says which casino it is; else the header `Casino-ID` counts first, then the choice made in the switcher.
    `request.casino` is the casino, or None; `request.api_key` the key that was found valid, or None.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with ExitStack() as contexts:
            request.casino, request.casino_contexts = None, contexts  # type: ignore[attr-defined]
            request.api_key = None  # type: ignore[attr-defined]
            # pages that need no casino are served all the same, and those that need one meet the same error
            with suppress(CasinoNotUsable, OperationalError):
                if may_choose_casino(request):
                    require_casino(request)
            response = self.get_response(request)
            bind_stream(response)
            return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A page of a casino's rows, asked for while no casino is chosen, leads to the page that chooses one; one that
        can't be shown now, to a word on trying again."""
        if isinstance(exception, OperationalError):  # a database that is away, or has no connection free
            logger.warning("%s could not be served: %s", request.path, exception)
            return _outage(request)
        if not isinstance(exception, NoCurrentCasino):
            return None
        messages.info(request, "Choose the casino whose data you want to see.")
        return HttpResponseRedirect(f"{reverse('choose_casino')}?{urlencode({'next': request.get_full_path()})}")


def _outage(request: HttpRequest) -> HttpResponse:
    """For people at a browser a line to read, for programs the shape of all errors."""
    if "text/html" in request.headers.get("Accept", ""):
        return HttpResponse(f"{OUTAGE_TEXT}\n", status=503, headers=RETRY, content_type="text/plain")
    return error_response(OUTAGE_TEXT, OUTAGE_CODE, status=503, headers=RETRY)


def require_casino(request: HttpRequest) -> Casino:
    """The casino whose request this is; current until the answer is rendered. Call it only once who asks is known.

    Raises CasinoIdMissing, CasinoIdInvalid, CasinoNotFound, CasinoForbidden, CasinoSuspended, CasinoUnavailable,
    CasinoBehind.
    """
    if request.casino is None:  # type: ignore[attr-defined]
        casino = _find_casino(request)
        request.casino_contexts.enter_context(use_casino(casino.current))  # type: ignore[attr-defined]
        request.casino = casino  # type: ignore[attr-defined]
    return request.casino  # type: ignore[attr-defined, no-any-return]


def _find_casino(request: HttpRequest) -> Casino:
    casino = _own_casino(request) or _named_casino(request)
    if casino is None or casino.state in ENDED_STATES:
        raise CasinoNotFound("Casino not found")
    if casino.state == CasinoState.SUSPENDED:
        raise CasinoSuspended("Casino is suspended")
    if casino.state not in READY_STATES:
        raise CasinoUnavailable(f"Casino is not available: its state is {casino.state}")
    if is_behind(casino.schema_version):
        raise CasinoBehind("Casino is being upgraded")
    return casino


def _own_casino(request: HttpRequest) -> Casino | None:
    """The casino of the request's API key, which has to be the one that the header names, if it names one."""
    key = request.api_key  # type: ignore[attr-defined]
    if key is None:
        return None
    casino: Casino = key.casino
    if _id_in_header(request) not in (None, casino.pk):
        raise CasinoForbidden("This API key is for another casino")
    return casino


def _named_casino(request: HttpRequest) -> Casino | None:
    casino_id = _id_in_header(request)
    if casino_id is None:
        casino_id = _chosen_id(request)
    if not may_act_for(request, casino_id):
        raise CasinoForbidden("This login is for other casinos")
    return Casino.objects.all().find(casino_id) if 0 < casino_id <= MAX_ID else None


def _id_in_header(request: HttpRequest) -> int | None:
    text = request.headers.get(CASINO_HEADER)
    if text is None:
        return None
    try:
        return int(text.replace("_", "?"))  # int() would take 1_0 for 10
    except ValueError:
        raise CasinoIdInvalid("Casino-ID header must be an integer") from None


def _chosen_id(request: HttpRequest) -> int:
    chosen = request.session.get(CHOSEN_CASINO) if may_choose_casino(request) else None
    if chosen is None:
        raise CasinoIdMissing("Casino-ID header is required")
    return int(chosen)
