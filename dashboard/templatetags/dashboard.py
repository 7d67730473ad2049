"""Template filters that format numbers and times."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.models import event_names
from recommendations.validation.currencies import shown_amount

register = template.Library()

_STEPS = ((timedelta(days=2), 86_400, "days"), (timedelta(hours=2), 3_600, "hours"), (timedelta(minutes=2), 60, "min"))


@register.filter
def thousands(number: float) -> str:
    """Format a number with thousands separators."""
    return f"{number:,}"


@register.filter
def amount(number: Decimal, currency: str) -> str:
    """An amount of money with its currency."""
    return f"{shown_amount(number, currency)} {currency}"


@register.filter
def percent(share: float) -> str:
    """A share of 1 as a percentage; a positive share is never shown as 0.0 %."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{share * 100:.1f} %"


@register.filter
def plain(number: float) -> str:
    """Format a number for an HTML attribute."""
    return f"{number:.4f}"


@register.filter
def ago(time: datetime | None, nothing: str) -> str:
    """The age of `time`, such as "3 hours ago"; `nothing` for None."""
    return nothing if time is None else f"{duration((timezone.now() - time).total_seconds())} ago"


@register.filter
def duration(seconds: float) -> str:
    """A time span in its largest suitable unit, such as "3 hours"."""
    passed = timedelta(seconds=seconds)
    for least, unit_seconds, unit in _STEPS:
        if passed >= least:
            return f"{int(seconds // unit_seconds)} {unit}"
    return f"{max(int(seconds), 0)} s"


@register.filter
def price(odd: float) -> str:
    """An odd with two decimals, or with three if it has them."""
    return f"{odd:.3f}".removesuffix("0")


@register.filter
def event_name(selection: dict[str, Any]) -> str:
    """The name of a selection's event."""
    return event_names.event_name(selection.get("home_team") or "", selection.get("away_team") or "")


@register.filter
def score(number: float) -> str:
    """A recommender's score with four significant digits."""
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number + 0.0:.4g}"


@register.filter
def words(name: str) -> str:
    """A field's name as a label."""
    return name.replace("_", " ").capitalize()


@register.filter
def amounts(by_currency: dict[str, Decimal]) -> str:
    """Amounts of money in several currencies, the largest first."""
    ordered = sorted(by_currency.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(amount(number, currency).strip() for currency, number in ordered) or "0"


@register.filter
def signed_percent(share: float) -> str:
    """A difference as a percentage with its sign."""
    return f"{share * 100:+.1f} %".replace("-", "\N{MINUS SIGN}")


@register.filter
def signed_points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{difference * 100:+.1f} points".replace("-", "\N{MINUS SIGN}")


@register.filter
def verdict(sentence: str) -> SafeString:
    """A verdict's sentence, with names in backquotes as code."""
    parts = enumerate(sentence.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if at % 2 else part,) for at, part in parts)
    )
