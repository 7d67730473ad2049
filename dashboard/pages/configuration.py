"""`/casinos/<id>/configuration/`: how a casino wants its recommendations, with the answer that this would give."""

import time
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboard.casino_reader import Unavailable, read
from dashboard.editing import ChangedMeanwhile, save_configuration
from dashboard.forms import ConfigurationForm, as_text
from dashboard.reference import option_reference, source_reference
from recommendations.errors import UserNotFound
from recommendations.serving.preview import find_users, preview_configuration
from tenants.ids import parse_id
from tenants.models import Casino

from .base import open_casino, page


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("tenants.change_casino", raise_exception=True)
def configuration_page(request: HttpRequest, casino_id: int) -> HttpResponse:
    """POST with `save` keeps the configuration; without, it shows what that would answer and keeps nothing."""
    casino = open_casino(request, casino_id)
    is_posted = request.method == "POST"
    user_id = parse_id(request.GET.get("user", "").strip()) or (None if is_posted else _first_user(casino))
    form = ConfigurationForm(request.POST if is_posted else None, casino=casino, user_id=user_id)
    if is_posted and "save" in request.POST and form.is_valid() and _save(request, casino, form):
        query = f"?user={form.cleaned_data['user_id']}" if form.cleaned_data["user_id"] else ""
        return HttpResponseRedirect(reverse("configuration", args=[casino.pk]) + query)
    context = {
        "casino": casino,
        "form": form,
        "preview": _preview(casino, form),
        "sources": source_reference(),
        "options": option_reference(),
    }
    return page(request, "configuration", f"Configuration: {casino.name}", context)


def _save(request: HttpRequest, casino: Casino, form: ConfigurationForm) -> bool:
    fields = form.cleaned_data
    try:
        save_configuration(
            casino=casino,
            staff=request.user,  # type: ignore[arg-type]
            seen=fields["seen"],
            now=timezone.now(),
            recommender_type=fields["recommender_type"],
            recommendation_schema=fields["recommendation_schema"],
            options=fields["options"],
        )
    except ChangedMeanwhile as error:
        form.add_error(None, f"{error} Open this page anew to see it; what you typed is kept here and was not saved.")
        return False
    messages.success(request, f"The configuration of {casino} is saved; the next answer follows it.")
    return True


def _first_user(casino: Casino) -> int | None:
    answer = read(casino, lambda: find_users("", limit=1))
    return answer[0].pk if isinstance(answer, list) and answer else None


def _preview(casino: Casino, form: ConfigurationForm) -> dict[str, Any]:
    """`answer`, as text, or `problem`: why there is none."""
    if not form.is_valid() and set(form.errors) - {"__all__"}:
        return {"problem": "There is an answer as soon as the fields are right."}
    user_id = form.cleaned_data["user_id"]
    if user_id is None:
        return {"problem": "Name a user to see the answer."}
    started = time.perf_counter()
    answer = read(casino, lambda: _answer(casino, form, user_id))
    if isinstance(answer, Unavailable):
        return {"problem": answer.reason}
    if answer is None:
        return {"problem": f"This casino has no user {user_id}."}
    return {"answer": as_text(answer), "milliseconds": (time.perf_counter() - started) * 1000}


def _answer(casino: Casino, form: ConfigurationForm, user_id: int) -> dict[str, Any] | None:
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
