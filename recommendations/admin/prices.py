"""Producers and prices of markets in the admin; producers can be closed and reopened."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Min, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from recommendations.models import Feed, Market, MarketLine, Producer
from recommendations.storing.feeds_by_hand import close_producer
from recommendations.validation.markets import BY_UPLOAD
from tenants.http.request_state import request_state

from .base_table import CasinoTableAdmin
from .widgets import table

MOST_LINES = 200
FEED_COLUMNS = ("partition", "heard_at", "valid_since", "heartbeats")
PRICE_COLUMNS = ("market", "line", "outcomes", "status", "producer", "as_of")
_SCALE = 1_000


@admin.register(Producer)
class ProducerAdmin(CasinoTableAdmin):
    list_display = ("name", "code", "closed_by_hand", "is_down", "sends_heartbeats", "heard_at")
    searched_texts = ("name",)
    ordering = ("name", "code")
    fields = ("name", "code", "closed_by_hand", "is_down", "sends_heartbeats", "partitions")
    actions = ("close", "reopen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        heard = Feed.objects.filter(producer=OuterRef("pk")).values("producer").annotate(oldest=Min("heard_at"))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(oldest_heard_at=Subquery(heard.values("oldest")))
        return rows

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tenants.change_casino")

    @admin.action(description="Close by hand: none of their prices is served", permissions=["close"])
    def close(self, request: HttpRequest, producers: QuerySet[Producer]) -> None:
        self._close(request, producers, is_closed=True)

    @admin.action(description="Reopen", permissions=["close"])
    def reopen(self, request: HttpRequest, producers: QuerySet[Producer]) -> None:
        self._close(request, producers, is_closed=False)

    def _close(self, request: HttpRequest, producers: QuerySet[Producer], *, is_closed: bool) -> None:
        casino: Any = request_state(request).casino
        staff: Any = request.user
        names = sorted(producers.values_list("name", flat=True))
        for name in names:
            close_producer(casino, name, is_closed=is_closed, staff=staff)
        done = "Closed by hand" if is_closed else "No longer closed by hand"
        self.message_user(request, f"{done}: {', '.join(names)}.", messages.SUCCESS)

    @admin.display(description="oldest partition heard at", ordering="oldest_heard_at")
    def heard_at(self, producer: Any) -> Any:
        return producer.oldest_heard_at

    @admin.display(description="partitions")
    def partitions(self, producer: Producer) -> SafeString:
        feeds = Feed.objects.filter(producer=producer.pk).order_by("partition")
        return table(
            FEED_COLUMNS,
            (
                {
                    "partition": "HTTP and files" if each.partition == BY_UPLOAD else each.partition,
                    "heard_at": f"{each.heard_at:%Y-%m-%d %H:%M:%S}",
                    "valid_since": f"{each.valid_since:%Y-%m-%d %H:%M:%S}",
                    "heartbeats": each.beats,
                }
                for each in feeds
            ),
        )


def price_table(event_id: int) -> str:
    """HTML with an event's stored prices of the first `MOST_LINES` market lines. The page *Prices* shows all lines, and
    why each is open or closed."""
    rows = list(Market.objects.filter(event_id=event_id).order_by("line_id")[: MOST_LINES + 1])
    if not rows:
        return "none"
    lines = MarketLine.objects.in_bulk([row.line_id for row in rows])
    names = dict(Producer.objects.values_list("code", "name"))
    shown = [_priced(row, lines.get(row.line_id), names.get(row.producer, "unknown")) for row in rows[:MOST_LINES]]
    more = f"Only the first {MOST_LINES} market lines are shown." if len(rows) > MOST_LINES else ""
    return format_html(
        "{}{}", table(PRICE_COLUMNS, sorted(shown, key=lambda each: (each["market"], each["line"]))), more
    )


def _priced(row: Market, line: MarketLine | None, producer: str) -> dict[str, Any]:
    names = line.outcomes if line is not None else ["?"] * len(row.odds)
    return {
        "market": "unknown" if line is None else line.market,
        "line": "" if line is None else line.line,
        "outcomes": ", ".join(
            f"{name} {odd / _SCALE:g}" if odd else f"{name} closed" for name, odd in zip(names, row.odds, strict=False)
        ),
        "status": row.status,
        "producer": producer,
        "as_of": f"{row.as_of:%Y-%m-%d %H:%M:%S}",
    }
