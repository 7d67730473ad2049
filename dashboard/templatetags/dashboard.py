"""How the dashboard writes numbers and times."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

register = template.Library()

_STEPS = ((timedelta(days=2), 86_400, "days"), (timedelta(hours=2), 3_600, "hours"), (timedelta(minutes=2), 60, "min"))


@register.filter
def thousands(number: float) -> str:
    """With commas between the thousands."""
    return f"{number:,}"


@register.filter
def percent(share: float) -> str:
    """A share of one; what is there is never written as nothing."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{share * 100:.1f} %"


@register.filter
def plain(number: float) -> str:
    """For an attribute that a browser reads as a number."""
    return f"{number:.4f}"


@register.filter
def ago(time: datetime | None, nothing: str) -> str:
    """How long ago, in one word or two; `nothing` for None."""
    if time is None:
        return nothing
    passed = timezone.now() - time
    for least, seconds, unit in _STEPS:
        if passed >= least:
            return f"{int(passed.total_seconds() // seconds)} {unit} ago"
    return f"{max(int(passed.total_seconds()), 0)} s ago"


@register.filter
def score(number: float) -> str:
    """A recommender's score, in as few digits as tell two apart."""
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number + 0.0:.4g}"


@register.filter
def words(name: str) -> str:
    """A field's name as people write it."""
    return name.replace("_", " ").capitalize()
