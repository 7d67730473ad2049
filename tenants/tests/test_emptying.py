"""Between tests, nothing of a casino stays, and nothing that refers to missing rows passes."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connections, transaction

from tenants.models import Casino, CasinoDatabase, DatabaseServer
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

from .casino_rows import User, make_user
from .emptying import check_constraints, empty_databases

DATABASES = ["default", "casino_1", "casino_2"]


def version_rows():
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM offer_version), (SELECT count(*) FROM price_version)")
        return cursor.fetchone()


@pytest.mark.django_db(transaction=True, databases=DATABASES)
def test_rows_of_all_databases_go_and_those_of_migrations_stay(casino_a, casino_b):
    permissions = Permission.objects.count()
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            make_user("Ada")
    empty_databases(SimpleNamespace(_databases_names=lambda include_mirrors: DATABASES))
    assert Casino.objects.count() == 0
    assert [*DatabaseServer.objects.values_list("name", flat=True)] == ["main"]
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            assert User.objects.count() == 0
            assert version_rows() == (1, 1)
    assert Permission.objects.count() == permissions > 50


def test_a_row_that_refers_to_a_missing_one_is_found_at_the_end_of_a_test(db):
    row = CasinoDatabase.objects.create(casino_id=999_999, generation=1, server_id="main", db_name="none")
    with pytest.raises(IntegrityError, match="is not present in table"), transaction.atomic():
        check_constraints(connections["default"])
    row.delete()
