from django.contrib import admin
from django.urls import path

from . import pages

urlpatterns = [path("parked/", admin.site.admin_view(pages.parked), name="parked")]
