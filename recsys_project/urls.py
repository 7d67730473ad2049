"""URLs of the whole installation."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

urlpatterns = [
    path("", TemplateView.as_view(template_name="start.html"), name="start"),
    path("admin/", admin.site.urls),
    path("", include("tenants.urls")),
    path("", include("recommendations.api.urls")),
]

handler404 = "recommendations.api.errors.page_not_found"
handler500 = "recommendations.api.errors.server_error"
