"""The settings: variables of the environment and their defaults."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow

PROJECT = Path(settings.BASE_DIR)
REPORT = (
    "import json; from django.conf import settings as s; print(json.dumps({name: getattr(s, name) for name in %r}))"
)
PRODUCTION = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "SECRET_KEY": "k" * 60}


def read_settings(*names, **environment):
    """The settings of a new process with only this environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ran = subprocess.run(
        [sys.executable, "-c", REPORT % (list(names),)],
        cwd=PROJECT,
        env={**kept, "DJANGO_SETTINGS_MODULE": "recsys_project.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(ran.stdout) if ran.returncode == 0 else ran.stderr


def test_example_describes_every_variable():
    source = (PROJECT / "recsys_project" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))
    example = (PROJECT / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == read
    for name in read:
        assert re.search(rf"^# .+\n(#?[A-Z_]+=.*\n)*#?{name}=", example, re.MULTILINE), f"{name} has no meaning"


def test_example_has_the_defaults():
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    settings_alone = (
        "CONN_MAX_AGE",
        "HSTS_SECONDS",
        "LOG_LEVEL",
        "DEFAULT_STAKE",
        "BEHIND_TLS_PROXY",
    )  # parts of others
    names = sorted(set(example) - set(settings_alone))
    assert read_settings(*names) == read_settings(*names, **example)


def test_an_embedded_installation_is_open_and_without_tls():
    found = read_settings("RECSYS_OPEN_API", "HTTPS", "RECSYS_TEST_ENDPOINTS", "DEBUG")
    assert found == {"RECSYS_OPEN_API": True, "HTTPS": False, "RECSYS_TEST_ENDPOINTS": False, "DEBUG": False}


def test_an_installation_with_a_database_server_is_closed_and_behind_tls():
    names = ("RECSYS_OPEN_API", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "DEBUG")
    assert read_settings(*names, **PRODUCTION) == {
        "RECSYS_OPEN_API": False,
        "SECURE_SSL_REDIRECT": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "DEBUG": False,
    }


def test_database_server_requires_a_secret_key():
    error = read_settings("DEBUG", DATABASE_URL=PRODUCTION["DATABASE_URL"])
    assert "SECRET_KEY" in error
    assert "ImproperlyConfigured" in error


@pytest.mark.parametrize(("text", "sports"), [("football,curling", ["FOOTBALL", "CURLING"])])
def test_sports_are_settable(text, sports):
    assert read_settings("SPORTS", SPORTS=text) == {"SPORTS": sports}


def test_a_deployment_passes_djangos_checks():
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env={**os.environ, **PRODUCTION, "SECRET_KEY": "".join(map(chr, range(40, 110)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_an_unknown_address_is_answered_in_json(client, db):
    response = client.get("/nothing/here")
    assert response.status_code == 404
    assert response.json()["error"] == "Not found: /nothing/here"
