"""The casino's own ids of displayed rows."""

from typing import TypeVar

from django.db.models import Model, OuterRef, QuerySet, Subquery

from recommendations.models import TextId
from recommendations.models.own_id import HasOwnId, HasOwnUserId

Row = TypeVar("Row", bound=Model)


def with_texts(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Annotate rows with `text_id` and `user_text_id`, if their model has such ids; one index lookup for each row."""
    columns = {HasOwnId: ("text_id", "pk"), HasOwnUserId: ("user_text_id", "user_id")}
    shown = [column for kind, column in columns.items() if kind in rows.model.__mro__]
    texts = {name: _text_of(column) for name, column in shown}
    return rows.annotate(**texts) if texts else rows


def _text_of(column: str) -> Subquery:
    return Subquery(TextId.objects.filter(pk=OuterRef(column)).values("text"))
