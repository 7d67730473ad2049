"""The admin's page of parked messages. Kafka has them, not the database."""

from typing import Any

from confluent_kafka import KafkaException
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ingestion.errors import IngestionError
from ingestion.status.parked import list_parked
from tenants.access.permissions import may_see
from tenants.http.request_state import request_state

see = permission_required("ingestion.view_messagecount", raise_exception=True)


@see
def parked(request: HttpRequest) -> HttpResponse:
    """The parked messages of the chosen casino, or of all casinos if none is chosen."""
    try:
        found = [each for each in list_parked(casino_id=_chosen(request)) if may_see(request.user, each.casino_id)]
    except (IngestionError, KafkaException) as error:
        messages.error(request, f"Kafka: {error}")
        found = []
    return _page(request, "ingestion/parked.html", "Parked messages", {"waiting": found})


def _chosen(request: HttpRequest) -> int | None:
    casino = request_state(request).casino
    return None if casino is None else int(casino.pk)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
