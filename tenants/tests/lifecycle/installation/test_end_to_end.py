"""A whole installation is lost, and restored on another PostgreSQL server, by its commands alone."""

import base64
import http.client
import json

import pytest

from tenants.postgresql import embedded
from tenants.tests import fast_postgresql
from tenants.tests.server_process import SERVER_APART, environment, gunicorn, needs_embedded, run_python, url_by_socket

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, needs_embedded]

PREFIX = "whole_casino_"
BUILD = """
import json
import django
django.setup()
from django.contrib.auth.models import User as StaffUser
from tenants.access.api_keys import issue_key
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import make_event, make_user
ensure_catalogue()
keys = {}
for number, casino in enumerate(store_casinos(["Gamma", "Delta", "Epsilon"]), start=1):
    schema = {f"who{number}": {"type": "int", "source_field": "user_id"}, "recommended_events": "list"}
    Casino.objects.filter(pk=casino.pk).update(recommender_type="soonest", recommendation_schema=schema)
    keys[casino.pk] = issue_key(casino, name="back end", scopes={"recommend"}, by="a test").text
    with use_casino(casino.current):
        make_user(casino.name, id=number)
        make_event(home_team=f"HOME OF {casino.name}")
StaffUser.objects.create_superuser("operator", password="the-operator's")
print(json.dumps(keys))
"""


def answers(port, keys):
    """The status and the content of a recommendation of each casino with its key, and of a request as staff."""
    requests = [
        (f"/recommend/{number}", {"Authorization": f"Api-Key {key}"}) for number, key in enumerate(keys.values(), 1)
    ]
    login = base64.b64encode(b"operator:the-operator's").decode()
    [some_id, *_] = keys
    requests.append(("/config", {"Authorization": f"Basic {login}", "Casino-ID": str(some_id)}))
    return [_ask(port, path, headers) for path, headers in requests]


def _ask(port, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={"Accept": "application/json", **headers})
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def test_casinos_keys_and_logins_answer_as_before_on_another_server(second_postgres, tmp_path):
    settings = {
        "CASINO_DATABASE_PREFIX": PREFIX,
        "RECSYS_OPEN_API": "0",
        "PUBLISH_RECOMMENDATIONS": "0",
        "POSTGRES_BIN_DIR": str(embedded.bin_dir(SERVER_APART)),
    }
    folder, catalogue = tmp_path / "backup", f"whole_{tmp_path.name}"
    lost = environment(url_by_socket(fast_postgresql.ensure_running(SERVER_APART), catalogue), **settings)
    new = environment(url_by_socket(second_postgres, catalogue), **settings)
    keys = json.loads(run_python("-c", BUILD, env=lost))
    with gunicorn(env=lost) as (port, _):
        before = answers(port, keys)
    run_python("manage.py", "casino", "backup", "--all", "--to", str(folder), env=lost)
    written = run_python("manage.py", "casino", "restore", "--all", str(folder), "--yes", env=new)
    assert "Epsilon" in written
    with gunicorn(env=new) as (port, _):
        after = answers(port, keys)
    assert after == before
    assert [status for status, _ in before] == [200] * 4
    assert [body.get(f"who{number}") for number, (_, body) in enumerate(before[:3], 1)] == [1, 2, 3]
    assert json.loads(run_python("manage.py", "casino", "doctor", "--json", env=new)) == []
