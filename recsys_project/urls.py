"""URLs of the whole installation."""

from django.contrib import admin
from django.urls import include, path

from recommendations.api.urls import urlpatterns as api_patterns

admin.autodiscover()
admin.site.index_title = "All data"

urlpatterns = [
    *api_patterns,  # listed here, not included: the most frequent path then needs no second resolver
    path("", include("ingestion.api.urls")),
    path("admin/ingestion/", include("ingestion.admin.urls")),
    path("admin/", admin.site.urls),
    path("", include("dashboard.urls")),
    path("", include("tenants.http.urls")),
]

handler400 = "recommendations.api.error_statuses.bad_request"
handler403 = "recommendations.api.error_statuses.permission_denied"
handler404 = "recommendations.api.error_statuses.page_not_found"
handler500 = "recommendations.api.error_statuses.server_error"
