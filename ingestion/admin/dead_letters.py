"""The admin's tables of dead letters: the chosen casino's, and those without a known casino."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.dead_letters.content import envelope_of, readable
from ingestion.dead_letters.preview import preview_replay, summary_of
from ingestion.dead_letters.purge import purge
from ingestion.dead_letters.replay import MAX_REPLAYS, TOO_OFTEN, replay
from ingestion.dead_letters.tables import CONTENT
from ingestion.errors import IngestionError
from ingestion.messages.rejection_codes import REASONS
from ingestion.models import DeadLetter
from ingestion.topics import TOPICS
from recommendations.admin.base_table import CasinoTableAdmin
from recommendations.admin.filters import FixedChoiceFilter
from recommendations.admin.widgets import CappedPaginator
from tenants.models import UnassignedDeadLetter
from tenants.models.dead_letter import DeadLetterColumns, DeadLetterState
from tenants.numbers import counted

_FIELDS = (
    "reason", "field", "detail", "sqlstate", "attempts", "topic", "place", "sent_at", "rejected_at", "state",
    "closed_at", "replays", "user_id", "message_key", "message_headers", "message_value", "download_link",
)  # fmt: skip


class LetterStateFilter(FixedChoiceFilter):
    title, parameter_name, values = "state", "state", DeadLetterState.values


class TopicFilter(FixedChoiceFilter):
    title, parameter_name, values = "topic", "topic", list(TOPICS)


class ReasonFilter(FixedChoiceFilter):
    title, parameter_name, values = "reason", "reason", list(REASONS)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in self.values]


class DeadLetterTableAdmin(CasinoTableAdmin):
    """Rejected messages, read-only, with actions for staff who may change them."""

    list_display = ("id", "rejected_at", "topic", "reason", "detail", "user_id", "size", "replays", "state")
    list_filter = (LetterStateFilter, TopicFilter, ReasonFilter)
    searched_texts = ("detail", "place")
    paginator = CappedPaginator
    ordering = ("-rejected_at", "-id")
    fields = _FIELDS
    actions = ("preview_replay", "replay", "purge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Dead letters without their content, which is large."""
        return super().get_queryset(request).defer(*CONTENT)

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_download"
        view = self.admin_site.admin_view(self.download)
        return [path("<path:object_id>/download/", view, name=name), *super().get_urls()]

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The message's value, byte for byte."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        letter = self.get_object(request, object_id)
        if letter is None or letter.value is None:
            raise Http404(f"Dead letter {object_id} has no value, or does not exist.")
        name = f"dead-letter-{letter.pk}.bin"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return HttpResponse(bytes(letter.value), content_type="application/octet-stream", headers=headers)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether the user may change dead letters, as each action needs: the admin has no form to edit them."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    @admin.action(description="Dry run of a replay", permissions=["replay"])
    def preview_replay(self, request: HttpRequest, letters: QuerySet[Any]) -> None:
        def preview() -> str:
            return summary_of(Counter(each.result for each in preview_replay(letters, timezone.now())))

        self._run(request, preview)

    @admin.action(description="Replay", permissions=["replay"])
    def replay(self, request: HttpRequest, letters: QuerySet[Any]) -> None:
        def send() -> str:
            count = replay(letters, timezone.now())
            skipped = "".join(f" {number} skipped: {_reason_text(reason)}." for reason, number in count.skipped.items())
            return f"{counted(len(count.sent), 'dead letter')} replayed.{skipped}"

        self._run(request, send)

    @admin.action(description="Purge: close for good, without the message", permissions=["replay"])
    def purge(self, request: HttpRequest, letters: QuerySet[Any]) -> None:
        self._run(request, lambda: f"{counted(purge(letters, timezone.now()), 'dead letter')} purged.")

    def _run(self, request: HttpRequest, action: Callable[[], str]) -> None:
        try:
            self.message_user(request, action())
        except (IngestionError, KafkaException) as error:
            self.message_user(request, f"Kafka: {error}", level=messages.ERROR)

    @admin.display(description="key")
    def message_key(self, letter: DeadLetterColumns) -> str:
        return readable(letter.key) or "none"

    @admin.display(description="headers")
    def message_headers(self, letter: DeadLetterColumns) -> str:
        headers = envelope_of(letter).headers
        return "unreadable" if headers is None else "\n".join(f"{name}: {readable(value)}" for name, value in headers)

    @admin.display(description="value")
    def message_value(self, letter: DeadLetterColumns) -> SafeString:
        return format_html('<pre class="rs-message-text">{}</pre>', readable(letter.value) or "none")

    @admin.display(description="download")
    def download_link(self, letter: DeadLetterColumns) -> SafeString | str:
        if letter.value is None:
            return "no value"
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_download", args=[letter.pk])
        return format_html('<a class="rs-link" href="{}">{} bytes</a>', url, len(letter.value))


def _reason_text(reason: str) -> str:
    return f"already replayed {MAX_REPLAYS} times" if reason == TOO_OFTEN else reason


@admin.register(DeadLetter)
class DeadLetterAdmin(DeadLetterTableAdmin):
    """The casino's dead letters."""


@admin.register(UnassignedDeadLetter)
class UnassignedDeadLetterAdmin(DeadLetterTableAdmin):
    """Dead letters without a known casino; staff bound to casinos don't see them."""

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return ("id", "casino_id", *self.list_display[1:])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("casino_id", *_FIELDS)
