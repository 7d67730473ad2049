"""Finds out whose request this is, and makes that casino current until the answer is rendered."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from .access import may_choose_casino
from .context import use_casino
from .errors import (
    CasinoBehind,
    CasinoIdInvalid,
    CasinoIdMissing,
    CasinoNotFound,
    CasinoNotUsable,
    CasinoSuspended,
    CasinoUnavailable,
    NoCurrentCasino,
)
from .models import Casino, CasinoState
from .models.casino import ENDED_STATES, READY_STATES
from .schema_version import is_behind
from .streaming import bind_stream

logger = logging.getLogger(__name__)

CASINO_HEADER = "Casino-ID"
CHOSEN_CASINO = "casino_id"  # key of the session: the switcher's choice
OUTAGE_TEXT = "The casino's database can't be used at present; try again soon"
RETRY = {"Retry-After": "1"}  # seconds
_MAX_ID = 2**63 - 1


class CasinoMiddleware:
    """Makes the casino that a request names current: at once for whoever may choose any casino, and otherwise only when
    a view that has checked who asks calls `require_casino`.

    The header `Casino-ID` counts first, then the choice made in the switcher. `request.casino` is the casino, or None.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with ExitStack() as contexts:
            request.casino, request.casino_contexts = None, contexts  # type: ignore[attr-defined]
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
            return HttpResponse(f"{OUTAGE_TEXT}\n", status=503, headers=RETRY, content_type="text/plain")
        if not isinstance(exception, NoCurrentCasino):
            return None
        messages.info(request, "Choose the casino whose data you want to see.")
        return HttpResponseRedirect(f"{reverse('choose_casino')}?{urlencode({'next': request.get_full_path()})}")


def require_casino(request: HttpRequest) -> Casino:
    """The casino whose request this is; current until the answer is rendered. Call it only once who asks is known.

    Raises CasinoIdMissing, CasinoIdInvalid, CasinoNotFound, CasinoSuspended, CasinoUnavailable, CasinoBehind.
    """
    if request.casino is None:  # type: ignore[attr-defined]
        casino = _find_casino(request)
        request.casino_contexts.enter_context(use_casino(casino.current))  # type: ignore[attr-defined]
        request.casino = casino  # type: ignore[attr-defined]
    return request.casino  # type: ignore[attr-defined, no-any-return]


def _find_casino(request: HttpRequest) -> Casino:
    casino = Casino.objects.all().find(_named_id(request))
    if casino is None or casino.state in ENDED_STATES:
        raise CasinoNotFound("Casino not found")
    if casino.state == CasinoState.SUSPENDED:
        raise CasinoSuspended("Casino is suspended")
    if casino.state not in READY_STATES:
        raise CasinoUnavailable(f"Casino is not available: its state is {casino.state}")
    if is_behind(casino.schema_version):
        raise CasinoBehind("Casino is being upgraded")
    return casino


def _named_id(request: HttpRequest) -> int:
    text = request.headers.get(CASINO_HEADER)
    if text is None:
        return _chosen_id(request)
    try:
        casino_id = int(text.replace("_", "?"))  # int() would take 1_0 for 10
    except ValueError:
        raise CasinoIdInvalid("Casino-ID header must be an integer") from None
    if not 0 < casino_id <= _MAX_ID:
        raise CasinoNotFound("Casino not found")
    return casino_id


def _chosen_id(request: HttpRequest) -> int:
    chosen = request.session.get(CHOSEN_CASINO) if may_choose_casino(request) else None
    if chosen is None:
        raise CasinoIdMissing("Casino-ID header is required")
    return int(chosen)
