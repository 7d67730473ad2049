"""System checks of tenancy: run by every command, and by `manage.py check --deploy`."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from .casino_model import CasinoModel
from .routers import is_casino_app


@register(Tags.models)
def check_casino_models(**kwargs: Any) -> list[CheckMessage]:
    """A model of a casino app must be a CasinoModel, and no other model may be one."""
    return [
        Error(
            f"{model._meta.label} must {'' if is_casino_app(model._meta.app_label) else 'not '}inherit CasinoModel.",
            hint="settings.CASINO_APPS lists the apps whose tables live in every casino's database.",
            obj=model,
            id="tenants.E001",
        )
        for model in apps.get_models()
        if is_casino_app(model._meta.app_label) != issubclass(model, CasinoModel)
    ]


@register(Tags.security, deploy=True)
def check_open_api(**kwargs: Any) -> list[CheckMessage]:
    if not settings.RECSYS_OPEN_API:
        return []
    return [
        Warning(
            "RECSYS_OPEN_API is on: whoever reaches this service may ask for any casino.",
            hint="Leave it off except on loopback, for trying out.",
            id="tenants.W001",
        )
    ]
