"""Filters of the admin's lists, none of which queries a large table for its values."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from recommendations.models import Event, EventStatus, LearntValue
from recommendations.recommenders.registry import RECOMMENDERS


class ChoiceFilter(admin.SimpleListFilter):
    """Filters by a column with few values."""

    def choices_of_casino(self) -> list[str]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value.capitalize() if len(value) > 3 else value) for value in self.choices_of_casino()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_known = self.value() in dict(self.lookup_choices)
        return queryset.filter(**{str(self.parameter_name): self.value()}) if is_known else queryset


class FixedChoiceFilter(ChoiceFilter):
    values: list[str] = []

    def choices_of_casino(self) -> list[str]:
        return self.values


class LearntChoiceFilter(ChoiceFilter):
    """Filters by a column; its choices are the values in the casino's messages."""

    kind: LearntValue.Kind

    def choices_of_casino(self) -> list[str]:
        return list(LearntValue.objects.filter(kind=self.kind).order_by("value").values_list("value", flat=True))


class SportFilter(LearntChoiceFilter):
    title, parameter_name, kind = "sport", "sport", LearntValue.Kind.SPORT


class FavoriteSportFilter(LearntChoiceFilter):
    title, parameter_name, kind = "favourite sport", "favorite_sport", LearntValue.Kind.SPORT


class CurrencyFilter(LearntChoiceFilter):
    title, parameter_name, kind = "currency", "currency", LearntValue.Kind.CURRENCY


class GenderFilter(LearntChoiceFilter):
    title, parameter_name, kind = "gender", "gender", LearntValue.Kind.GENDER


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
