"""Experiments in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tenants.access.permissions import bound_casinos, casinos_of
from tenants.models import Experiment

from .catalogue import ReadOnlyAdmin
from .theme import ModelAdmin


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin, ModelAdmin[Experiment]):
    """Experiments with their definitions; the API and `manage.py experiment` start and stop them."""

    list_display = ("name", "casino", "kind", "state", "starts_at", "stops_at", "started_by")
    list_select_related = ("casino",)
    search_fields = ("name", "casino__name", "=casino__id")
    ordering = ("-id",)
    fields: ClassVar[tuple[str, ...]] = (
        "casino", "name", "state", "definition", "ranges", "starts_at", "stops_at", "created_at", "created_by",
        "started_by", "stopped_by",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        return super().get_queryset(request).filter(casino__in=casinos_of(request.user))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """A bound login must not learn of other casinos by filters."""
        return bound_casinos(request.user) is None and super().lookup_allowed(lookup, value, request)

    @admin.display(description="state")
    def state(self, experiment: Experiment) -> str:
        return experiment.state_at(timezone.now()).label
