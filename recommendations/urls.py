from django.urls import include, path

from .views import StartView

urlpatterns = [
    path("", StartView.as_view(), name="start"),
    path("", include("recommendations.api.urls")),
]
