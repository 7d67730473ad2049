"""Migrations of the catalogue with data, forwards and backwards."""

import pytest
from django.db import DataError, connections
from django.db.migrations.executor import MigrationExecutor

from tenants.current_casino import CATALOGUE
from tenants.models import PrivacyRecord

pytestmark = [pytest.mark.django_db, pytest.mark.covered]

BEFORE_OWN_IDS, AFTER = ("tenants", "0011_unassigned_dead_letters"), ("tenants", "0012_own_ids_in_privacy_records")


def migrate(target):
    MigrationExecutor(connections[CATALOGUE]).migrate([target])


def user_ids():
    with connections[CATALOGUE].cursor() as cursor:
        cursor.execute("SELECT user_id FROM privacy_records")
        return [user_id for (user_id,) in cursor.fetchall()]


def test_records_of_numbers_stay_in_both_directions():
    PrivacyRecord.objects.create(casino_id=1, user_id="7", action="erased", asked_by="test")
    migrate(BEFORE_OWN_IDS)
    assert user_ids() == [7]
    migrate(AFTER)
    assert user_ids() == ["7"]


def test_a_record_of_a_text_is_not_lost_by_going_back():
    PrivacyRecord.objects.create(casino_id=1, user_id="sr:7", action="erased", asked_by="test")
    with pytest.raises(DataError, match="sr:7"):
        migrate(BEFORE_OWN_IDS)
    assert user_ids() == ["sr:7"]
