"""The service runs as a role of its own, made by docker-compose's script, which is no superuser."""

import os
import subprocess
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from tenants.postgresql import embedded
from tenants.tests import fast_postgresql
from tenants.tests.server_process import SERVER_APART, ask, environment, gunicorn, needs_embedded, run_python

pytestmark = [pytest.mark.slow, needs_embedded]

CATALOGUE, PREFIX = "service_role_catalogue", "service_role_casino_"
LIFE = """
from pathlib import Path
import django
django.setup()
from django.db import connection
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.backup import back_up
from tenants.lifecycle.clone import clone_casino
from tenants.lifecycle.create import store_casinos
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.doctor.examine import examine
from tenants.lifecycle.installation.backup import back_up_installation
from tenants.lifecycle.restore import prune_casino, restore_casino
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import make_user
ensure_catalogue()
gamma, delta = store_casinos(["Gamma", "Delta"])
with use_casino(gamma.current):
    make_user("Ada")
restore_casino(gamma, back_up(gamma).folder)
prune_casino(gamma)
copy = clone_casino(gamma, "Copy")
delete_casino(delta)
assert back_up_installation().manifest.is_complete
assert examine() == [], examine()
Casino.objects.update(recommender_type="static", recommendation_schema={"recommended_events": "list"})
with connection.cursor() as cursor:
    cursor.execute("SELECT rolsuper OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    assert cursor.fetchone() == (False,)
print(copy.pk)
"""


@contextmanager
def service_role(folder, casino_roles):
    """The catalogue's database and the role `recsys` on the server whose socket is in `folder`; gone afterwards."""
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(CATALOGUE)))
        try:
            _run_script(folder, casino_roles)
            yield
        finally:
            _drop_all(superuser)


def _run_script(folder, casino_roles):
    variables = {
        "PATH": f"{embedded.bin_dir(SERVER_APART)}:{os.environ['PATH']}",
        "PGHOST": folder,
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": CATALOGUE,
        "POSTGRES_PASSWORD": 'it\'s "secret"',
        "CASINO_ROLES": casino_roles,
    }
    subprocess.run([settings.BASE_DIR / "docker-compose.postgres.sh"], env=variables, check=True, timeout=120)


def _drop_all(superuser):
    rows = superuser.execute("SELECT datname FROM pg_database WHERE datname ~ '^service_role_'").fetchall()
    for (name,) in rows:
        superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    rows = superuser.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^(service_role_.*|recsys)$'").fetchall()
    for (name,) in sorted(rows, key=lambda row: row[0] == "recsys"):
        superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.exhaustive
@pytest.mark.parametrize("casino_roles", ["0", "1"])
def test_casinos_are_created_served_copied_backed_up_and_deleted_without_a_superuser(casino_roles, tmp_path):
    folder = fast_postgresql.ensure_running(SERVER_APART)
    env = environment(
        f"postgres://recsys@/{CATALOGUE}?host={folder.replace('/', '%2F')}",
        CASINO_DATABASE_PREFIX=PREFIX,
        CASINO_ROLES=casino_roles,
        CASINO_ROLE_SECRET="of the tests",
        BACKUP_DIR=str(tmp_path),
        POSTGRES_BIN_DIR=str(embedded.bin_dir(SERVER_APART)),
        PUBLISH_RECOMMENDATIONS="0",
    )
    with service_role(folder, casino_roles):
        casino_id = int(run_python("-c", LIFE, env=env))
        with gunicorn(env=env) as (port, _):
            assert ask(port, "/recommend/1", casino_id)[0] == 200
