"""The folders and modules at an app's top level."""

import pytest
from django.conf import settings

MOST_ROOMS = 20
GIVEN_BY_DJANGO = {"__init__.py", "__pycache__", "apps.py", "management", "migrations", "tests"}


@pytest.mark.parametrize("app", ["tenants", "recommendations", "ingestion", "operations", "dashboard", "demo"])
def test_an_app_has_few_enough_rooms_to_find_one(app):
    rooms = {each.name for each in (settings.BASE_DIR / app).iterdir()} - GIVEN_BY_DJANGO
    assert len(rooms) <= MOST_ROOMS, sorted(rooms)
