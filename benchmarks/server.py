"""The project's WSGI and ASGI applications plus views for comparison."""

import os
from collections import Counter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = "benchmarks.server"
in_django = get_wsgi_application()

from django.http import HttpRequest, JsonResponse
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from operations.asgi_adapter import AsgiAdapter
from operations.gc_tuning import freeze
from operations.middleware import EarlyRefusal
from recommendations.api.views import CasinoAPIView
from recommendations.models import Event, PurchasedCoupon, User
from recommendations.recommenders.inference_score import POINTS_FOR_TOP_VALUES
from recsys_project.urls import urlpatterns as project_urlpatterns
from tenants.postgresql.wait_budget import waiting_within

SHOWN = (*POINTS_FOR_TOP_VALUES, "odd")


class KeyView(CasinoAPIView):
    """Reads one row by its primary key, through the same router: the cost of the server, Django and REST framework."""

    permission_classes = [AllowAny]

    def get(self, request: Request, user_id: int) -> Response:
        return Response(User.objects.values("id", "name", "country", "currency").get(pk=user_id))


class PlainView(CasinoAPIView):
    """A naive `inference_score`: loads all events and coupons with the ORM and scores them one by one. It has no wait
    budget, which a thread that waits for the interpreter would exceed with eight clients."""

    permission_classes = [AllowAny]

    def get(self, request: Request, user_id: int) -> Response:
        with waiting_within(None):
            return self._answer(user_id)

    def _answer(self, user_id: int) -> Response:
        user = User.objects.get(pk=user_id)
        bets = [bet for coupon in PurchasedCoupon.objects.filter(user=user) for bet in coupon.recommended_events]
        top = {
            name: [v for v, _ in Counter(bet[name] for bet in bets).most_common(2)] for name in POINTS_FOR_TOP_VALUES
        }
        events = sorted(Event.objects.all(), key=lambda event: -_points(event, user, top))[:3]
        return Response(
            {"user_id": user.pk, "events": [{name: getattr(event, name) for name in SHOWN} for event in events]}
        )


def answer_nothing(request: HttpRequest, user_id: int) -> JsonResponse:
    """Does nothing: the cost of Django and the middleware alone."""
    return JsonResponse({"user_id": user_id})


def _points(event: Event, user: User, top: dict[str, list[str]]) -> int:
    points = (event.country == user.country) + (event.sport == user.favorite_sport)
    for name, worth in POINTS_FOR_TOP_VALUES.items():
        points += sum(each for value, each in zip(top[name], worth, strict=False) if getattr(event, name) == value)
    return points


urlpatterns = [
    path("key/<int:user_id>", KeyView.as_view()),
    path("nothing/<int:user_id>", answer_nothing),
    path("plain/<int:user_id>", PlainView.as_view()),
    *project_urlpatterns,
]
application = EarlyRefusal(in_django)
asgi_application = AsgiAdapter(application)
freeze()
