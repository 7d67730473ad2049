"""Staff bound to some casinos: the dashboard shows only these."""

import pytest
from django.contrib.auth.models import User

from tenants.models import StaffBinding

from .conftest import fill, staff_client, text_of

pytestmark = pytest.mark.slow

PERMISSIONS = (
    "tenants.view_casino",
    "tenants.change_casino",
    "recommendations.view_user",
    "recommendations.view_purchasedcoupon",
)
PAGES = ("/casinos/{}/", "/casinos/{}/try/", "/casinos/{}/try/?user=1", "/casinos/{}/configuration/")


@pytest.fixture
def bound(casino_a, casino_b, now):
    for casino in (casino_a, casino_b):
        fill(casino, now)
    client = staff_client(*PERMISSIONS)
    binding = StaffBinding.objects.create(user=User.objects.get())
    binding.casinos.add(casino_a)
    return client


def test_overview_lists_only_their_casinos(bound):
    page = text_of(bound, "/")
    assert "Alpha" in page
    assert "Beta" not in page


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_their_casino_show_no_other(bound, page):
    assert "Beta" not in text_of(bound, page.format(1))


@pytest.mark.covered
@pytest.mark.parametrize("page", PAGES)
def test_pages_of_another_casino_get_404_like_an_unknown_one(bound, page):
    other, unknown = bound.get(page.format(2)), bound.get(page.format(77))
    assert other.status_code == unknown.status_code == 404
    assert b"Beta" not in other.content


def test_they_can_not_configure_another_casino(bound, casino_b):
    before = casino_b.recommender_type
    bound.post("/casinos/2/configuration/", {"recommender_type": "static", "save": "1"})
    casino_b.refresh_from_db()
    assert casino_b.recommender_type == before


def test_side_bar_has_no_links_to_the_installation(bound):
    page = text_of(bound, "/casinos/1/")
    assert "/admin/tenants/databaseserver/" not in page
    assert "/admin/auth/user/" not in page
