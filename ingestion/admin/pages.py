"""The admin's pages of messages in Kafka: dead letters and parked messages."""

from collections import Counter
from functools import partial
from typing import Any

from confluent_kafka import KafkaException
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from ingestion.dead_letters.log import DeadLetter, DeadLetterQuery, get_dead_letter, list_dead_letters, readable
from ingestion.dead_letters.purge import purge
from ingestion.dead_letters.replay import preview_replay, replay
from ingestion.errors import IngestionError
from ingestion.status.parked import list_parked
from ingestion.topics import TOPICS
from tenants.access.permissions import may_see
from tenants.http.request_state import request_state

_SHOWN = 200

see = permission_required("ingestion.view_messagecount", raise_exception=True)


@require_http_methods(["GET", "POST"])
@see
def dead_letters(request: HttpRequest) -> HttpResponse:
    """The dead letters of the chosen casino, and those without a casino; all if none is chosen. Staff assigned to
    casinos see only theirs."""
    try:
        letters = _letters(request)
        if request.method == "POST":
            return _apply(request, letters)
    except (IngestionError, KafkaException) as error:
        messages.error(request, f"Kafka: {error}")
        letters = []
    context = {
        "letters": letters[-_SHOWN:][::-1],
        "count": len(letters),
        "reasons": Counter(letter.reason for letter in letters).most_common(),
        "topics": sorted(TOPICS),
        "may_change": request.user.has_perm("ingestion.change_messagecount"),
    }
    return _page(request, "ingestion/dead_letters.html", "Dead letters", context)


@see
def dead_letter(request: HttpRequest, letter_id: str) -> HttpResponse:
    """A dead letter with its message."""
    try:
        letter, envelope = get_dead_letter(letter_id, may_see=partial(_may_see, request))
    except (IngestionError, KafkaException) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("dead_letters"))
    context = {
        "letter": letter,
        "key": readable(envelope.key),
        "value": readable(envelope.value),
        "headers": [(name, readable(value)) for name, value in envelope.headers or ()],
    }
    return _page(request, "ingestion/dead_letter.html", f"Dead letter {letter.id}", context)


@see
def parked(request: HttpRequest) -> HttpResponse:
    """The parked messages of the chosen casino; all if none is chosen."""
    try:
        found = [each for each in list_parked(casino_id=_chosen(request)) if may_see(request.user, each.casino_id)]
    except (IngestionError, KafkaException) as error:
        messages.error(request, f"Kafka: {error}")
        found = []
    return _page(request, "ingestion/parked.html", "Parked messages", {"waiting": found})


def _apply(request: HttpRequest, letters: list[DeadLetter]) -> HttpResponse:
    """Preview, replay or purge the selected dead letters."""
    if not request.user.has_perm("ingestion.change_messagecount"):
        return HttpResponse("You may view dead letters, but not change them.\n", status=403)
    ids = set(request.POST.getlist("id"))
    chosen = [letter for letter in letters if letter.id in ids]
    if not chosen:
        messages.warning(request, "No dead letters selected: select some first.")
    elif "dry_run" in request.POST:
        results = Counter(preview.result for preview in preview_replay(chosen, timezone.now()))
        text = ", ".join(f"{count} {result}" for result, count in results.most_common())
        messages.info(request, f"Expected results of {len(chosen)} replays: {text}. Nothing sent.")
    elif "replay" in request.POST:
        messages.success(request, f"{len(replay(chosen))} of {len(chosen)} dead letters replayed.")
    elif "purge" in request.POST:
        purge(chosen)
        messages.success(request, f"{len(chosen)} dead letters purged.")
    return HttpResponseRedirect(request.get_full_path())


def _letters(request: HttpRequest) -> list[DeadLetter]:
    query = DeadLetterQuery(topic=request.GET.get("topic") or None, reason=request.GET.get("reason") or None)
    return [letter for letter in list_dead_letters(query) if _may_see(request, letter)]


def _may_see(request: HttpRequest, letter: DeadLetter) -> bool:
    is_of_chosen = _chosen(request) in {None, letter.casino_id} or letter.casino_id is None
    return is_of_chosen and may_see(request.user, letter.casino_id)


def _chosen(request: HttpRequest) -> int | None:
    casino = request_state(request).casino
    return None if casino is None else int(casino.pk)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
