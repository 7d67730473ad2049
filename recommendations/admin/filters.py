"""Filters of the admin's lists, none of which queries a table for its values."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from recommendations.models import Event, EventStatus
from recommendations.recommenders.registry import RECOMMENDERS


class FixedChoiceFilter(admin.SimpleListFilter):
    """Filters by a column with a fixed set of values."""

    values: list[str] = []

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value.capitalize() if len(value) > 3 else value) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_known = self.value() in self.values
        return queryset.filter(**{str(self.parameter_name): self.value()}) if is_known else queryset


class SportFilter(FixedChoiceFilter):
    title, parameter_name, values = "sport", "sport", settings.SPORTS


class FavoriteSportFilter(FixedChoiceFilter):
    title, parameter_name, values = "favourite sport", "favorite_sport", settings.SPORTS


class CurrencyFilter(FixedChoiceFilter):
    title, parameter_name, values = "currency", "currency", settings.CURRENCIES


class GenderFilter(FixedChoiceFilter):
    title, parameter_name, values = "gender", "gender", settings.GENDERS


class StatusFilter(FixedChoiceFilter):
    title, parameter_name, values = "status", "status", EventStatus.values


class RecommenderFilter(FixedChoiceFilter):
    title, parameter_name, values = "recommender", "recommender", list(RECOMMENDERS)


class OpenFilter(admin.SimpleListFilter):
    title = "begin"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Not begun"), ("no", "Begun")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        now = timezone.now()
        conditions = {"yes": {"begin_timestamp__gt": now}, "no": {"begin_timestamp__lte": now}}
        return queryset.filter(**conditions.get(self.value() or "", {}))
