"""The command `manage.py rebuild_profiles`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.models import CasinoTally, UserProfile
from recommendations.tests.factories import CouponFactory, UserFactory
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered


@pytest.fixture(autouse=True)
def _coupons(casino_a, casino_b, now):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=1)
            CouponFactory.create_batch(2, user_id=1, timestamp=now)  # uncounted, as if inserted with psql


def rebuild(*arguments):
    out = StringIO()
    call_command("rebuild_profiles", *arguments, stdout=out)
    return out.getvalue().splitlines()


def is_counted(casino):
    with use_casino(casino.current):
        if not UserProfile.objects.exists():
            return False
        assert_counts_equal_a_recount()
        return CasinoTally.objects.exists()


def test_the_named_casinos_are_rebuilt(casino_a, casino_b):
    assert rebuild("--casino", "1") == [f"{casino_a}: 1 profiles rebuilt."]
    assert (is_counted(casino_a), is_counted(casino_b)) == (True, False)


def test_all_casinos_are_rebuilt(casino_a, casino_b):
    assert len(rebuild("--all")) == 2
    assert is_counted(casino_a)
    assert is_counted(casino_b)


def test_marked_rebuilds_only_marked_profiles(casino_a):
    rebuild("--all")
    with use_casino(casino_a.current):
        CouponFactory.create(user_id=1)
    assert rebuild("--casino", "1", "--marked") == [f"{casino_a}: 0 profiles rebuilt."]


@pytest.mark.parametrize("arguments", [[], ["--casino", "99"]])
def test_missing_or_unknown_casinos_are_rejected(arguments):
    with pytest.raises(CommandError):
        rebuild(*arguments)
