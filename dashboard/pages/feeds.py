"""`/casinos/<id>/feeds/`: the producers of a casino's prices; staff close and reopen them here."""

from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboard.access import may_configure
from dashboard.casino_reader import Unavailable, read
from dashboard.forms import FeedForm
from recommendations.errors import FeedInUse, FeedNotFound
from recommendations.prices.feed_status import FeedStatus, feeds_of, read_feeds
from recommendations.prices.price_counts import PriceCounts, count_prices
from recommendations.prices.refusals import Refusal
from recommendations.serving.options import load_options
from recommendations.serving.outcome_rules import price_rules
from recommendations.serving.request_filters import NO_FILTERS
from recommendations.storing.feeds_by_hand import close_producer, forget_silent_partition
from tenants.models import Casino

from .base import open_casino, render_page


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A producer, its number of events with an open market, and its market lines as (code of the refusal, number), the
    most frequent first. `open_events`: None if not counted."""

    status: FeedStatus
    open_events: int | None
    lines: tuple[tuple[str, int], ...]


@require_http_methods(["GET", "HEAD", "POST"])
def feeds_page(request: HttpRequest, casino_id: int) -> HttpResponse:
    """GET lists the producers; POST changes one."""
    casino = open_casino(request, casino_id)
    if request.method == "POST":
        if not may_configure(request):
            raise PermissionDenied
        _change(request, casino)
        return HttpResponseRedirect(reverse("feeds", args=[casino.pk]))
    silence = load_options(casino.options).feed_silence_seconds
    feeds = read(casino, lambda: read_feeds(silence))
    context: dict[str, Any] = {"casino": casino, "silence": silence}
    if isinstance(feeds, Unavailable):
        return render_page(request, "feeds", f"Feeds: {casino.name}", context | {"unavailable": feeds})
    counts = _counts(casino, feeds) if feeds else None
    context |= {"counts": counts, "feeds": [_row(each, counts) for each in feeds]}
    return render_page(request, "feeds", f"Feeds: {casino.name}", context)


def _counts(casino: Casino, feeds: list[FeedStatus]) -> PriceCounts | Unavailable:
    """Count the prices by a separate query: if it takes too long, the page still shows the feeds."""
    rules = price_rules(load_options(casino.options), NO_FILTERS, timezone.now().timestamp())
    return read(casino, lambda: count_prices(feeds_of(feeds), rules))


def _row(status: FeedStatus, counts: PriceCounts | Unavailable | None) -> FeedRow:
    if not isinstance(counts, PriceCounts):
        return FeedRow(status, None, ())
    counted = counts.of_producers[status.producer.code]
    closed = [(each.code, number) for each, number in counted.lines.most_common() if each is not Refusal.OPEN]
    lines = (("open", counted.lines[Refusal.OPEN]), *closed) if counted.lines else ()
    return FeedRow(status, counted.open_events, lines)


def _change(request: HttpRequest, casino: Casino) -> None:
    form = FeedForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: the form is incomplete. Reload the page.")
        return
    staff = cast("User", request.user)  # has a permission, so this is a logged-in user
    try:
        done = read(casino, lambda: _apply(casino, staff, **form.cleaned_data))
    except (FeedInUse, FeedNotFound) as error:
        messages.error(request, f"Nothing was changed: {error}.")
        return
    if isinstance(done, Unavailable):
        messages.error(request, f"Nothing was changed. {done.reason}")
    else:
        messages.success(request, done)


def _apply(casino: Casino, staff: User, *, action: str, producer: str, partition: int | None) -> str:
    """Apply the change. Returns a message. Raises FeedInUse, FeedNotFound."""
    if partition is not None:
        forget_silent_partition(casino, producer, partition, staff=staff)
        return f"Partition {partition} of {producer} is forgotten. Older prices open when they are sent again."
    is_closed = action == "close"
    close_producer(casino, producer, is_closed=is_closed, staff=staff)
    return f"{producer} is {'closed' if is_closed else 'no longer closed'} by hand, from the next request on."
