"""A database with another casino's identity is refused, even under the right name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User as StaffUser
from django.test import Client

from tenants.databases.servers import quoted, server_cursor
from tenants.errors import WrongDatabase
from tenants.lifecycle import databases
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.pg_dump import dump_database, load_database
from tenants.lifecycle.states import silent
from tenants.models import Casino
from tenants.postgresql.pool import POOL
from tenants.routing.connections import connection_metrics
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user


@pytest.fixture
def casinos(real_databases: None) -> list[Any]:
    made = [create_casino(name) for name in ("A", "B")]
    for casino in made:
        Casino.objects.filter(pk=casino.pk).update(recommender_type="static", recommendation_schema={"user_id": "int"})
        with use_casino(casino.current):
            make_user(f"of {casino.name}", id=7)
    POOL.close_idle()
    return made


def assert_serves(casino: Any) -> None:
    with use_casino(casino.current):
        assert User.objects.get(pk=7).name == f"of {casino.name}"


def assert_refuses(casino: Any) -> None:
    """The ORM, the API and a page refuse the database, and keep no connection to it."""
    for ask in (_read, make_user):
        with use_casino(casino.current), pytest.raises(WrongDatabase):
            ask()
    answer = Client().get("/recommend/7", headers={"Casino-ID": str(casino.pk)})
    assert answer.status_code == 503
    assert "can't be used at present" in answer.json()["error"]
    assert _page(casino).status_code == 503
    assert connection_metrics().open == 0


def _page(casino: Any) -> Any:
    staff, _ = StaffUser.objects.get_or_create(username="staff", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(staff)
    return client.get("/admin/recommendations/user/", headers={"Casino-ID": str(casino.pk)})


def _read() -> None:
    list(User.objects.all())


@contextmanager
def swapped(one: Any, other: Any) -> Iterator[None]:
    _swap(one.db_name, other.db_name)
    yield
    _swap(one.db_name, other.db_name)


def _swap(one: str, other: str) -> None:
    with server_cursor("postgres") as cursor:
        for before, after in ((one, "test_casino_aside"), (other, one), ("test_casino_aside", other)):
            cursor.execute(f"ALTER DATABASE {quoted(before)} RENAME TO {quoted(after)}")


@pytest.mark.covered
def test_swapped_databases_are_refused_until_they_are_swapped_back(casinos):
    with swapped(*casinos):
        for casino in casinos:
            assert_refuses(casino)
    for casino in casinos:
        assert_serves(casino)


@pytest.mark.covered
def test_backup_loaded_into_another_casinos_database_is_refused(casinos, tmp_path: Path):
    database_a, database_b = (databases.current_database(casino) for casino in casinos)
    dump_database(database_a, tmp_path / "a.dump", silent)
    dump_database(database_b, tmp_path / "b.dump", silent)
    databases.create_empty(database_b)
    load_database(tmp_path / "a.dump", database_b, silent)
    assert_refuses(casinos[1])
    assert_serves(casinos[0])
    POOL.close_idle()
    databases.create_empty(database_b)
    load_database(tmp_path / "b.dump", database_b, silent)
    assert_serves(casinos[1])


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE casino_identity",
        "ALTER TABLE casino_identity DROP COLUMN identity",
        "DELETE FROM casino_identity",
        "UPDATE casino_identity SET identity = gen_random_uuid()",
        "UPDATE casino_identity SET generation = generation + 1",
    ],
)
def test_database_without_the_casinos_identity_is_refused(casinos, damage):
    broken, whole = casinos
    with server_cursor(broken.db_name) as cursor:
        cursor.execute(damage)
    assert_refuses(broken)
    assert_serves(whole)


@pytest.mark.covered
def test_older_generation_under_the_casinos_name_is_refused(casinos):
    casino = casinos[0]
    Casino.objects.filter(pk=casino.pk).update(generation=2)
    casino.refresh_from_db()
    assert_refuses(casino)
    Casino.objects.filter(pk=casino.pk).update(generation=1)
    casino.refresh_from_db()
    assert_serves(casino)


def test_checked_connection_is_not_checked_again(casinos, django_assert_num_queries):
    casino = casinos[0]
    assert_serves(casino)
    with django_assert_num_queries(1, using=casino.current.alias):
        assert_serves(casino)
