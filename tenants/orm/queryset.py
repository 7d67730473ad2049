"""Querysets of one casino's rows. A queryset is bound when it is made, and reads the same casino when evaluated
later."""

from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.query import RawQuerySet

from tenants.errors import CasinoMismatch
from tenants.routing.context import find_current_casino

from .query import CasinoQuery, refuse_foreign, require_reachable

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)
MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def alters_data(method: MethodT) -> MethodT:
    """Mark a method so that Django's templates don't call it."""
    method.__dict__["alters_data"] = True
    return method


class CasinoQuerySet(models.QuerySet[ModelT_co]):
    """Rows of one casino: the casino that was current when the queryset was made, or else that of the given alias.

    Its casino never changes, not even by pickling. It can be read in any context; writing raises CasinoMismatch while
    another casino is current, and so does any object or queryset of another casino as a value.
    """

    _db: str | None  # Django's, as all of these; django-stubs lacks some
    _hints: dict[str, Any]
    _query: CasinoQuery
    _prefetch_related_lookups: tuple[Any, ...]

    def __init__(self, model: Any = None, query: Any = None, using: str | None = None, hints: Any = None) -> None:
        current = find_current_casino()
        if using is None and model is not None and current is not None:
            using = current.alias
        super().__init__(model, query or CasinoQuery(model), using, hints)
        if using is not None:
            self._query.casino_alias = using

    def using(self, alias: str | None) -> Self:
        """This queryset, if `alias` is its own or None; an unbound queryset is bound to `alias`. Raises CasinoMismatch
        for any other alias and, while a casino is current, for any alias but that casino's."""
        bound = self._db
        if alias in (None, bound):
            return self.all()
        if bound is not None:
            raise CasinoMismatch(f"A queryset of {bound} can't become one of {alias}.")
        require_reachable(alias)
        clone = super().using(alias)
        clone._query.casino_alias = alias
        return clone

    def raw(self, raw_query: Any, params: Any = (), translations: Any = None, using: str | None = None) -> Any:
        bound = self.using(using)
        rows = CasinoRawQuerySet(
            raw_query, model=self.model, params=params, translations=translations, using=bound.db, hints=self._hints
        )
        rows._prefetch_related_lookups = self._prefetch_related_lookups[:]
        return rows

    def contains(self, obj: models.Model) -> bool:
        refuse_foreign(obj, self.db)
        return super().contains(obj)

    @alters_data
    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        return super().bulk_create(self._require_own(objs), *args, **kwargs)

    @alters_data
    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        return super().bulk_update(self._require_own(objs), *args, **kwargs)

    @alters_data
    def update(self, **kwargs: Any) -> int:
        self._require_own(kwargs.values())
        return super().update(**kwargs)

    @alters_data
    def delete(self) -> Any:
        self._require_own(())
        return super().delete()

    delete.__dict__["queryset_only"] = True  # managers don't get this method

    def _require_own(self, values: Iterable[Any]) -> list[Any]:
        """The values to write. Raises CasinoMismatch if one is another casino's."""
        self._for_write = True
        require_reachable(self.db)
        listed = list(values)
        for value in listed:
            refuse_foreign(value, self.db)
        return listed

    def _add_hints(self, **hints: Any) -> None:
        """Django calls this with the object of the relation."""
        refuse_foreign(hints.get("instance"), self._db)
        self._hints.update(hints)


class CasinoRawQuerySet(RawQuerySet[Any]):
    """The rows of a statement, bound to one casino."""

    _prefetch_related_lookups: tuple[Any, ...]  # Django's, missing from django-stubs

    def using(self, alias: str | None) -> Any:
        if alias not in (None, self.db):
            raise CasinoMismatch(f"A statement for {self.db} can't be run in {alias}.")
        return self
