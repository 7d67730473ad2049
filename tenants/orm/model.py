"""Base class of the models whose rows are in casinos' databases."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.db import models, router

from .query import refuse_foreign, require_reachable
from .queryset import CasinoQuerySet, alters_data

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


class CasinoManager(models.Manager[ModelT_co]):
    """Binds each queryset to the casino that is current when the queryset is made.

    Raises NoCurrentCasino if no casino is current and no alias is given, and CasinoMismatch if the manager is that of
    another casino's object (also in a prefetch).
    """

    _queryset_class = CasinoQuerySet

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the managers of relations, which Django makes as subclasses: their `remove` and `set` compare keys
        alone."""
        super().__init_subclass__(**kwargs)
        for name, checked in (("add", _each_checked), ("remove", _each_checked), ("set", _all_checked)):
            if name in vars(cls):
                setattr(cls, name, checked(vars(cls)[name]))

    def get_queryset(self) -> models.QuerySet[ModelT_co]:
        queryset = super().get_queryset()
        instance = getattr(self, "instance", None) or vars(queryset)["_hints"].get("instance")
        if self._db is None:
            return queryset.using(router.db_for_read(self.model, instance=instance))
        require_reachable(self._db)
        refuse_foreign(instance, self._db)
        return queryset

    def using(self, alias: str | None) -> models.QuerySet[ModelT_co]:
        """The rows in the database of this alias, without a current casino; None means the current casino's."""
        return self.get_queryset() if alias is None else self.db_manager(alias).get_queryset().using(alias)


class CasinoModel(models.Model):
    """A row of one casino: the one that it was loaded from or first saved to.

    Objects of two casinos with equal primary keys are not equal. Saving, deleting or refreshing a row raises
    CasinoMismatch while another casino is current, or if another casino's alias is given.
    """

    objects = CasinoManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"
        base_manager_name = "objects"

    def __eq__(self, other: object) -> bool:
        equal = super().__eq__(other)
        if equal is not True or not isinstance(other, models.Model):
            return equal
        return self._state.db == other._state.db

    def __hash__(self) -> int:
        return hash((super().__hash__(), self._state.db))

    @alters_data
    def save_base(self, *args: Any, **kwargs: Any) -> None:
        self._require_own(kwargs.get("using"))
        super().save_base(*args, **kwargs)

    @alters_data
    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        self._require_own(using)
        return super().delete(using, keep_parents)

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        self._require_own(using)
        if from_queryset is not None:
            refuse_foreign(self, from_queryset.db)
        super().refresh_from_db(using, fields, from_queryset)

    def validate_unique(self, exclude: Any = None) -> None:
        router.db_for_read(type(self), instance=self)  # Django would query the current casino for a row of any casino
        super().validate_unique(exclude)

    def _do_insert(self, manager: Any, using: str, *args: Any) -> Any:
        parent: Any = super()  # django-stubs lack the method
        return parent._do_insert(manager.db_manager(using), using, *args)

    def _require_own(self, alias: str | None) -> None:
        """Raises CasinoMismatch unless this alias, if one is given, is the row's and may be used now."""
        if alias is not None:
            refuse_foreign(self, alias)
            require_reachable(alias)


def _each_checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: Any, *objects: Any, **options: Any) -> Any:
        _refuse_foreign_to(self, objects)
        return method(self, *objects, **options)

    return checked


def _all_checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: Any, objs: Any, **options: Any) -> Any:
        objects = tuple(objs)
        _refuse_foreign_to(self, objects)
        return method(self, objects, **options)

    return checked


def _refuse_foreign_to(manager: Any, objects: tuple[Any, ...]) -> None:
    alias = router.db_for_write(manager.model, instance=manager.instance)
    for each in objects:
        refuse_foreign(each, alias)
