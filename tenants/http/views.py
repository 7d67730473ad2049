"""The page on which staff choose their current casino."""

from typing import Any

from django.contrib.auth.mixins import UserPassesTestMixin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic import ListView

from tenants.access.permissions import casinos_of
from tenants.models import Casino, CasinoState
from tenants.numbers import parse_id

from .middleware import CHOSEN_CASINO
from .request_state import may_choose_casino


class ChooseCasinoView(UserPassesTestMixin, ListView[Casino]):
    """GET lists the active casinos (`?q=` searches by name or id); POST chooses one and redirects to `next`."""

    template_name = "tenants/choose_casino.html"
    context_object_name = "casinos"
    paginate_by = 50

    def test_func(self) -> bool:
        return may_choose_casino(self.request)

    def get_queryset(self) -> QuerySet[Casino]:
        casinos = self._casinos().order_by("name", "id")
        term = self.request.GET.get("q", "").replace("\0", "").strip()  # PostgreSQL rejects a NUL
        if not term:
            return casinos
        return casinos.filter(Q(name__icontains=term) | Q(pk=parse_id(term)))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self._next(self.request.GET), q=self.request.GET.get("q", ""), **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        chosen = request.POST.get("casino", "")
        if chosen == "":
            request.session.pop(CHOSEN_CASINO, None)
        else:
            request.session[CHOSEN_CASINO] = get_object_or_404(self._casinos(), pk=parse_id(chosen)).pk
        return HttpResponseRedirect(self._next(request.POST))

    def _casinos(self) -> QuerySet[Casino]:
        return casinos_of(self.request.user).filter(state=CasinoState.ACTIVE)

    def _next(self, values: Any) -> str:
        target = values.get("next", "")
        is_safe = url_has_allowed_host_and_scheme(target, {self.request.get_host()}, self.request.is_secure())
        return target if is_safe else reverse("start")
