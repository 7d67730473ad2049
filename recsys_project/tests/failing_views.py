"""The project's URLs, and views that fail."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recsys_project.urls import handler400, handler404, handler500
from recsys_project.urls import urlpatterns as project_urlpatterns

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


class FailingView(APIView):
    def get(self, request: Request) -> Response:
        headers = request.headers
        raise ZeroDivisionError(f"{len(headers)} headers")


def failing_page(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("no page")


urlpatterns = [path("fails", FailingView.as_view()), path("fails/page", failing_page), *project_urlpatterns]
