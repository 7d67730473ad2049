"""Pages of rows by the casino's own ids: their addresses, links and search."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from recommendations.text_ids import Kind, id_of
from recommendations.validation.own_ids import OwnId, parse_own_id


class OwnIdChangeList(ChangeList):
    """Links each row by the casino's own id."""

    def url_for_result(self, result: Any) -> str:
        own_id = getattr(result, "own_id", result.pk)
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(own_id)])


def stored_id(kind: Kind, text: str) -> int:
    """The stored id for the casino's own id in a URL; 0, which no row has, for an unknown id."""
    own = parse_own_id(text)
    return 0 if own is None else id_of(kind, own) or 0


def matching_ids(kinds: Mapping[str, Kind], text: str) -> Q | None:
    """A condition: at least one of these columns has the casino's own id `text`. None for an unknown id."""
    own = parse_own_id(text.strip())
    found = {} if own is None else {column: id_of(kind, own) for column, kind in kinds.items()}
    conditions = [Q(**{column: number}) for column, number in found.items() if number is not None]
    return reduce(or_, conditions) if conditions else None


def user_link(own_id: OwnId) -> SafeString:
    return format_html(
        '<a class="rs-link" href="{}">user {}</a>',
        reverse("admin:recommendations_user_change", args=[quote(own_id)]),
        own_id,
    )
