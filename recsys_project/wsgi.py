"""WSGI entry point, for granian or any other server."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from recsys_project.environment import exit_if_misconfigured
from tenants.postgresql.embedded import require_choice

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

with exit_if_misconfigured():
    in_django = get_wsgi_application()
    require_choice()

from operations.gc_tuning import freeze
from operations.middleware import EarlyRefusal

application = EarlyRefusal(in_django)

list(get_resolver().url_patterns)  # imports all views before the first request
freeze()
