"""Querysets of a casino's rows: bound to one casino for ever, they read it wherever they are evaluated."""

from collections.abc import Iterable
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.query import RawQuerySet

from tenants.errors import CasinoMismatch
from tenants.routing.context import find_current_casino

from .query import CasinoQuery, refuse_foreign, require_reachable

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


class CasinoQuerySet(models.QuerySet[ModelT_co]):
    """Rows of the casino that was current when the queryset was made, or whose alias was named while none was.

    It never changes its casino, also not by pickling. Reading works wherever it is evaluated; writing through it is
    refused while another casino is current, and so is every object or queryset of another casino as a value. All this
    raises CasinoMismatch.
    """

    _db: str | None
    _hints: dict[str, Any]

    def __init__(self, model: Any = None, query: Any = None, using: str | None = None, hints: Any = None) -> None:
        current = find_current_casino()
        if using is None and model is not None and current is not None:
            using = current.alias
        super().__init__(model, query or CasinoQuery(model), using, hints)
        if using is not None:
            self._query.casino_alias = using  # type: ignore[attr-defined]

    def using(self, alias: str | None) -> Self:
        """This queryset, if its casino's alias (or None) is given; a queryset that is not bound yet is bound. Raises
        CasinoMismatch for any other alias, and for every one but the current casino's while there is one."""
        bound = self._db
        if alias in (None, bound):
            return self._chain()  # type: ignore[attr-defined, no-any-return]
        if bound is not None:
            raise CasinoMismatch(f"A queryset of {bound} can't become one of {alias}.")
        require_reachable(alias)
        clone = super().using(alias)
        clone._query.casino_alias = alias  # type: ignore[attr-defined]
        return clone

    def raw(self, raw_query: Any, params: Any = (), translations: Any = None, using: str | None = None) -> Any:
        bound = self.using(using)
        rows = CasinoRawQuerySet(
            raw_query, model=self.model, params=params, translations=translations, using=bound.db, hints=self._hints
        )
        rows._prefetch_related_lookups = self._prefetch_related_lookups[:]  # type: ignore[attr-defined]
        return rows

    def contains(self, obj: models.Model) -> bool:
        refuse_foreign(obj, self.db)
        return super().contains(obj)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        return super().bulk_create(self._own(objs), *args, **kwargs)

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        return super().bulk_update(self._own(objs), *args, **kwargs)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> int:
        self._own(kwargs.values())
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> Any:
        self._own(())
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _own(self, values: Iterable[Any]) -> list[Any]:
        """The values of something to be written, none of which is another casino's."""
        self._for_write = True
        require_reachable(self.db)
        listed = list(values)
        for value in listed:
            refuse_foreign(value, self.db)
        return listed

    def _add_hints(self, **hints: Any) -> None:
        """Django says here for whose sake it asks: one of the objects that relations are followed from."""
        refuse_foreign(hints.get("instance"), self._db)
        super()._add_hints(**hints)  # type: ignore[misc]


class CasinoRawQuerySet(RawQuerySet):  # type: ignore[type-arg]
    """The rows of a statement, in one casino for ever."""

    def using(self, alias: str | None) -> Any:
        if alias not in (None, self.db):
            raise CasinoMismatch(f"A statement for {self.db} can't be run in {alias}.")
        return self
