"""`/casinos/<id>/configuration/`: a casino's configuration, with a preview of the API response."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboard.casino_reader import Unavailable, read
from dashboard.forms import ConfigurationForm, as_text, as_version
from recommendations.errors import IdNotOfType, InvalidConfiguration, UserNotFound
from recommendations.services import configure
from recommendations.serving.options import DEFAULTS, all_options_as_json, options_schema
from recommendations.serving.output_schema import EVENT_SOURCES, SOURCES, Conversions
from recommendations.serving.preview import find_users, preview_configuration
from recommendations.validation.own_ids import OwnId, parse_own_id
from tenants.models import Casino

from .base import open_casino, render_page


class ConfigurationConflict(Exception):
    """The configuration was changed after the page was loaded."""


@dataclass(frozen=True, slots=True)
class SourceField:
    """A source field, with the types to which it converts."""

    name: str
    types: str


@dataclass(frozen=True, slots=True)
class OptionReference:
    name: str
    description: str
    default: str


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("tenants.change_casino", raise_exception=True)
def configuration_page(request: HttpRequest, casino_id: int) -> HttpResponse:
    """POST with `save` stores the configuration; any other POST only shows the preview."""
    casino = open_casino(request, casino_id)
    is_posted = request.method == "POST"
    user_id = parse_own_id(request.GET.get("user", "").strip()) or (None if is_posted else _first_user(casino))
    form = ConfigurationForm(request.POST if is_posted else None, casino=casino, user_id=user_id)
    if is_posted and "save" in request.POST and form.is_valid() and _save(request, casino, form):
        query = f"?{urlencode({'user': form.cleaned_data['user_id']})}" if form.cleaned_data["user_id"] else ""
        return HttpResponseRedirect(reverse("configuration", args=[casino.pk]) + query)
    context = {
        "casino": casino,
        "form": form,
        "preview": _preview(casino, form),
        "sources": _source_reference(),
        "options": _option_reference(),
    }
    return render_page(request, "configuration", f"Configuration: {casino.name}", context)


def save_configuration(*, casino: Casino, staff: User, version: str, now: datetime, **configuration: Any) -> Casino:
    """Store and log the configuration, unless it is no longer at `version`. Raises ConfigurationConflict,
    InvalidConfiguration."""
    with transaction.atomic():
        current = Casino.objects.select_for_update().get(pk=casino.pk)
        if as_version(current.timestamp) != version:
            raise ConfigurationConflict(
                f"Somebody else changed the configuration of {current} after this page was loaded."
            )
        configure(casino=current, now=now, staff=staff, **configuration)
    return current


def _save(request: HttpRequest, casino: Casino, form: ConfigurationForm) -> bool:
    fields = form.cleaned_data
    try:
        save_configuration(
            casino=casino,
            staff=cast("User", request.user),  # the page requires a permission, so this is a logged-in user
            version=fields["version"],
            now=timezone.now(),
            recommender_type=fields["recommender_type"],
            recommendation_schema=fields["recommendation_schema"],
            options=fields["options"],
        )
    except ConfigurationConflict as error:
        form.add_error(None, f"{error} Nothing was saved; your input is below. Open the page again to see the change.")
        return False
    except InvalidConfiguration as error:  # a type that the casino's stored ids don't have
        form.add_error("recommendation_schema", str(error))
        return False
    messages.success(request, f"The configuration of {casino} is saved and applies from the next request.")
    return True


def _first_user(casino: Casino) -> OwnId | None:
    users = read(casino, lambda: find_users("", limit=1))
    return users[0].own_id if isinstance(users, list) and users else None


def _preview(casino: Casino, form: ConfigurationForm) -> dict[str, Any]:
    """`answer` as text, or `problem`: the reason for its absence."""
    if not form.is_valid() and set(form.errors) - {"__all__"}:
        return {"problem": "Correct the errors to see the response."}
    user_id = form.cleaned_data["user_id"]
    if user_id is None:
        return {"problem": "Enter a user's id to see the response."}
    started = time.perf_counter()
    try:
        answer = read(casino, lambda: _answer(casino, form, user_id))
    except IdNotOfType as error:
        return {"problem": f"{error}."}
    if isinstance(answer, Unavailable):
        return {"problem": answer.reason}
    if answer is None:
        return {"problem": f"This casino has no user {user_id}."}
    return {"answer": as_text(answer), "milliseconds": (time.perf_counter() - started) * 1000}


def _answer(casino: Casino, form: ConfigurationForm, user_id: OwnId) -> dict[str, Any] | None:
    try:
        return preview_configuration(
            casino_id=casino.pk,
            recommender_type=form.cleaned_data["recommender_type"],
            schema=form.schema,
            options=form.parsed_options,
            user_id=user_id,
            now=timezone.now(),
        )
    except UserNotFound:
        return None


@cache
def _source_reference() -> tuple[tuple[str, tuple[SourceField, ...]], ...]:
    """(heading, source fields) of the recommendation, and of each event in it."""
    return ("Of the recommendation", _source_fields(SOURCES)), (
        "Of each event (“fields”)",
        _source_fields(EVENT_SOURCES),
    )


def _source_fields(conversions: Conversions) -> tuple[SourceField, ...]:
    return tuple(SourceField(name, ", ".join(types)) for name, types in conversions.items())


@cache
def _option_reference() -> tuple[OptionReference, ...]:
    properties, defaults = options_schema()["$defs"]["Options"]["properties"], all_options_as_json(DEFAULTS)
    return tuple(
        OptionReference(name, str(schema.get("description", "")), _short(defaults[name]))
        for name, schema in properties.items()
    )


def _short(default: Any) -> str:
    if isinstance(default, dict):
        return "{}"
    return "[" + ", ".join(default) + "]" if isinstance(default, list) else str(default)
