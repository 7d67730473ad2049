"""Chooses the database of a model's rows. Fails closed: without a current casino, a casino's model has no database; a
model of an unclassified app never has one."""

from typing import Any

from django.conf import settings
from django.db.models import Model

from tenants.current_casino import CATALOGUE
from tenants.errors import CasinoMismatch, UnclassifiedApp

from .connections import current_alias


def is_casino_app(app_label: str) -> bool:
    """Whether the app's tables are in casinos' databases. Raises UnclassifiedApp."""
    if app_label in settings.CASINO_APPS:
        return True
    if app_label in settings.CATALOGUE_APPS:
        return False
    raise UnclassifiedApp(f"The app {app_label!r} is in neither CASINO_APPS nor CATALOGUE_APPS: add it to one of them.")


class TenantRouter:
    """Sends the models of `settings.CASINO_APPS` to the current casino's database, and those of
    `settings.CATALOGUE_APPS` to the catalogue."""

    def db_for_read(self, model: type[Model], instance: Model | None = None, **hints: Any) -> str:
        return self._database(model, instance)

    def db_for_write(self, model: type[Model], instance: Model | None = None, **hints: Any) -> str:
        return self._database(model, instance)

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        if is_casino_app(obj1._meta.app_label) != is_casino_app(obj2._meta.app_label):
            return False
        return None in (obj1._state.db, obj2._state.db) or obj1._state.db == obj2._state.db

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return is_casino_app(app_label) == (db != CATALOGUE)

    def _database(self, model: type[Model], instance: Model | None) -> str:
        if not is_casino_app(model._meta.app_label):
            return CATALOGUE
        alias = current_alias()
        origin = instance._state.db if instance is not None else None
        if instance is not None and origin not in (None, alias):
            # not repr(instance): it may load a deferred field, which calls this again
            name = f"{instance._meta.label} {instance.pk}"
            raise CasinoMismatch(f"{name} belongs to {origin}, but {alias} is the current casino's database.")
        return alias
