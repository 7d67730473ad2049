"""A read-only table of the selected casino in the admin: data is changed through messages."""

from collections.abc import Mapping
from copy import copy
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from recommendations.text_ids import Kind, with_texts
from recommendations.validation.normal_form import name_form
from recommendations.validation.own_ids import OwnId
from tenants.admin.theme import ModelAdmin
from tenants.numbers import parse_id

from .own_ids import OwnIdChangeList, matching_ids, stored_id


def _any(fields: tuple[str, ...], lookup: str, value: Any) -> Q:
    """A condition: at least one of these fields matches `value`."""
    return reduce(or_, (Q(**{f"{field}__{lookup}": value}) for field in fields))


class CasinoTableAdmin(ModelAdmin[Any]):
    """A read-only admin of the current casino's rows."""

    list_per_page = 50
    show_full_result_count = False
    kind_of_id: Kind | None = None  # set if the rows have the casino's own ids
    searched_ids: Mapping[str, Kind] = {}
    searched_texts: tuple[str, ...] = ()

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.searched_ids, *self.searched_texts)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_texts(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **arguments: Any) -> type[ChangeList]:
        return OwnIdChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        stored = object_id if self.kind_of_id is None else str(stored_id(self.kind_of_id, object_id))
        return super().get_object(request, stored, from_field)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Use the casino's own id in the page's links to itself."""
        row = context.get("original")
        if self.kind_of_id is not None and row is not None:
            context["original"] = copy(row)
            context["original"].pk = row.own_id
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="id", ordering="pk")
    def own_id(self, row: Any) -> OwnId:
        own: OwnId = row.own_id
        return own

    @admin.display(description="user id", ordering="user_id")
    def own_user_id(self, row: Any) -> OwnId:
        own: OwnId = row.own_user_id
        return own

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search a number in the id columns, by index. Other text must be an id, or each of its words must occur in a
        text field."""
        with_id = matching_ids(self.searched_ids, search_term)
        if with_id is not None and (parse_id(search_term) is not None or not self.searched_texts):
            return queryset.filter(with_id), False
        if search_term and not self.searched_texts:
            return queryset.none(), False
        words = [_any(self.searched_texts, "icontains", word) for word in name_form(search_term).split()]
        return queryset.filter(Q(*words) if with_id is None else Q(*words) | with_id), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
