"""Finds out whose request this is, and makes that casino current until the answer is rendered."""

from collections.abc import Callable
from contextlib import ExitStack, suppress

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from .access import may_choose_casino
from .context import use_casino
from .errors import (
    CasinoIdInvalid,
    CasinoIdMissing,
    CasinoNotFound,
    CasinoNotUsable,
    CasinoUnavailable,
    NoCurrentCasino,
)
from .models import Casino, CasinoState

CASINO_HEADER = "Casino-ID"
CHOSEN_CASINO = "casino_id"  # key of the session: the switcher's choice
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
            if may_choose_casino(request):
                with suppress(CasinoNotUsable):  # pages that need no casino are served all the same
                    require_casino(request)
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A page of a casino's rows, asked for while no casino is chosen, leads to the page that chooses one."""
        if not isinstance(exception, NoCurrentCasino):
            return None
        messages.info(request, "Choose the casino whose data you want to see.")
        return HttpResponseRedirect(f"{reverse('choose_casino')}?{urlencode({'next': request.get_full_path()})}")


def require_casino(request: HttpRequest) -> Casino:
    """The casino whose request this is; current until the answer is rendered. Call it only once who asks is known.

    Raises CasinoIdMissing, CasinoIdInvalid, CasinoNotFound, CasinoUnavailable.
    """
    if request.casino is None:  # type: ignore[attr-defined]
        casino = _find_casino(request)
        request.casino_contexts.enter_context(use_casino(casino.current))  # type: ignore[attr-defined]
        request.casino = casino  # type: ignore[attr-defined]
    return request.casino  # type: ignore[attr-defined, no-any-return]


def _find_casino(request: HttpRequest) -> Casino:
    casino = Casino.objects.filter(pk=_named_id(request)).first()
    if casino is None:
        raise CasinoNotFound("Casino not found")
    if casino.state != CasinoState.ACTIVE:
        raise CasinoUnavailable(f"Casino is not available: its state is {casino.state}")
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
