"""System checks, run by every command and by `manage.py check --deploy`."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db.models import Model

from .orm.model import CasinoManager, CasinoModel

_HINT = "settings.CASINO_APPS lists the apps whose tables live in every casino's database."


@register(Tags.models)
def check_casino_models(**kwargs: Any) -> list[CheckMessage]:
    """Models of casino apps, and no others, must inherit CasinoModel."""
    return [
        Error(
            f"{model._meta.label} must {'' if _is_casinos(model) else 'not '}inherit CasinoModel.",
            hint=_HINT,
            obj=model,
            id="tenants.E001",
        )
        for model in apps.get_models()
        if _is_casinos(model) != issubclass(model, CasinoModel)
    ]


@register(Tags.models)
def check_relations_stay_in_one_database(**kwargs: Any) -> list[CheckMessage]:
    """A relation must not cross between a casino's database and the catalogue: PostgreSQL can't enforce it."""
    return [
        Error(
            f"{model._meta.label}.{field.name} refers to {field.related_model._meta.label}, in another database.",
            hint="Keep the other row's key in a plain field. " + _HINT,
            obj=field,
            id="tenants.E002",
        )
        for model in apps.get_models(include_auto_created=True)
        for field in _relations(model)
        if _is_casinos(model) != _is_casinos(field.related_model)
    ]


@register(Tags.models)
def check_casino_managers(**kwargs: Any) -> list[CheckMessage]:
    """Every manager of a casino's model, Django's own included, must bind its querysets to the casino."""
    return [
        Error(
            f"{model._meta.label}.{name} is not a CasinoManager.",
            hint=_manager_hint(model),
            obj=model,
            id="tenants.E003",
        )
        for model in apps.get_models(include_auto_created=True)
        if _is_casinos(model)
        for name, manager in _managers(model)
        if not isinstance(manager, CasinoManager)
    ]


@register(Tags.models)
def check_apps_are_classified(**kwargs: Any) -> list[CheckMessage]:
    """Every app with models is in exactly one of CASINO_APPS and CATALOGUE_APPS."""
    labels = sorted({model._meta.app_label for model in apps.get_models()})
    return [
        Error(
            f"The app {label!r} must be in either CASINO_APPS or CATALOGUE_APPS.",
            hint="CATALOGUE_APPS is for shared tables, like staff and sessions. " + _HINT,
            id="tenants.E004",
        )
        for label in labels
        if (label in settings.CASINO_APPS) == (label in settings.CATALOGUE_APPS)
    ]


@register(Tags.security, deploy=True)
def check_open_api(**kwargs: Any) -> list[CheckMessage]:
    if not settings.RECSYS_OPEN_API:
        return []
    return [
        Warning(
            "RECSYS_OPEN_API is on: anyone who can reach this service can use any casino.",
            hint="Turn it on only on loopback, for demonstrations.",
            id="tenants.W001",
        )
    ]


def _is_casinos(model: type[Model]) -> bool:
    return model._meta.app_label in settings.CASINO_APPS  # E004 reports an app in neither list


def _relations(model: type[Model]) -> Iterator[Any]:
    for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
        if field.is_relation and isinstance(field.related_model, type):
            yield field


def _managers(model: type[Model]) -> Iterator[tuple[str, Any]]:
    yield "_base_manager", model._base_manager
    yield from ((manager.name, manager) for manager in model._meta.managers)


def _manager_hint(model: type[Model]) -> str:
    if model._meta.auto_created:
        return "Declare the relation's table as its own CasinoModel, and name it in `through`."
    return "Derive the manager from CasinoManager."
