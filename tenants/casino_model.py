"""Base of every model whose rows live in a casino's own database."""

from typing import TypeVar

from django.db import models, router

ModelT_co = TypeVar("ModelT_co", bound=models.Model, covariant=True)


class CasinoManager(models.Manager[ModelT_co]):
    """Binds each queryset to the casino that is current when it is made, however late it is evaluated.

    Without a current casino it raises NoCurrentCasino; reached through an object of another casino (also by a
    prefetch), CasinoMismatch.
    """

    def get_queryset(self) -> models.QuerySet[ModelT_co]:
        queryset = super().get_queryset()
        if self._db is not None:
            return queryset
        instance = getattr(self, "instance", None) or queryset._hints.get("instance")  # type: ignore[attr-defined]
        return queryset.using(router.db_for_read(self.model, instance=instance))


class CasinoModel(models.Model):
    """A row of one casino. Equal primary keys in two casinos are not equal objects."""

    objects = CasinoManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"

    def __eq__(self, other: object) -> bool:
        equal = super().__eq__(other)
        if equal is not True or not isinstance(other, models.Model):
            return equal
        return self._state.db == other._state.db

    def __hash__(self) -> int:
        return hash((super().__hash__(), self._state.db))
