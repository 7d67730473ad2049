from django.contrib import admin
from django.urls import path

from . import pages

urlpatterns = [
    path("dead-letters/", admin.site.admin_view(pages.dead_letters), name="dead_letters"),
    path("dead-letters/<path:letter_id>/", admin.site.admin_view(pages.dead_letter), name="dead_letter"),
    path("parked/", admin.site.admin_view(pages.parked), name="parked"),
]
