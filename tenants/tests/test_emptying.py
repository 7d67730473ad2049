"""Between tests that commit, nothing of a casino stays."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission

from tenants.models import Casino, DatabaseServer
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

from .casino_rows import User, make_user
from .emptying import empty_databases

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
