"""Parts shared by several admin pages."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MAX_COUNTED = 10_000


class CappedPaginator(Paginator[Any]):
    """Counts and shows only the first `MAX_COUNTED` rows: counting millions takes seconds."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return int(self.object_list[:MAX_COUNTED].count())


def table(columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> SafeString:
    head = format_html_join("", '<th scope="col">{}</th>', ((name.replace("_", " "),) for name in columns))
    cells = (
        format_html_join(
            "", '<td data-label="{}">{}</td>', ((name.replace("_", " "), each.get(name, "")) for name in columns)
        )
        for each in rows
    )
    body = format_html_join("", "<tr>{}</tr>", ((each,) for each in cells))
    return format_html(
        '<table class="rs-table rs-cards"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body
    )
