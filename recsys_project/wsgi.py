"""WSGI entry point, for granian or any other server."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from operations.garbage import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

application = get_wsgi_application()

get_resolver().url_patterns  # noqa: B018 (loads all views, which the first request would)
settle()
