"""The project's own WSGI application, with a bare REST framework view beside it to compare with."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = "benchmarks.server"
application = get_wsgi_application()

from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recsys_project.urls import urlpatterns as project_urlpatterns

SLIP: dict[str, Any] = {
    "user_id": 31,
    "bet": 25.51,
    "time": 1748777300.5,
    "events": [
        {
            "country": "BRAZIL",
            "league": "SERIE A",
            "home_team": "SANTOS",
            "away_team": "BAHIA",
            "sport": "FOOTBALL",
            "odd": 2.69,
        }
    ]
    * 3,
}


class BareView(APIView):
    """Does nothing: what remains is the server, Django, its middleware and REST framework."""

    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response(SLIP)


urlpatterns = [path("bare", BareView.as_view()), *project_urlpatterns]
