"""`/casinos/<id>/exposure/`: the exposure of a casino's users to bets, for responsible gambling."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.casino_reader import Unavailable, read
from recommendations.evaluation.exposure import report_exposure
from recommendations.serving.options import load_options

from .base import open_casino, render_page

PERIODS = (1, 7, 28)  # days
_DAYS = 7


@require_safe
@permission_required(["recommendations.view_user", "recommendations.view_purchasedcoupon"], raise_exception=True)
def exposure_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    """`?days=`: one of `PERIODS`."""
    casino = open_casino(request, casino_id)
    days = next((each for each in PERIODS if request.GET.get("days") == str(each)), _DAYS)
    options, now = load_options(casino.options), timezone.now()
    report = read(casino, lambda: report_exposure(casino_id=casino.pk, options=options, now=now, days=days))
    context = {"casino": casino, "days": days, "periods": PERIODS}
    context |= {"unavailable" if isinstance(report, Unavailable) else "report": report}
    return render_page(request, "exposure", f"Exposure: {casino.name}", context)
