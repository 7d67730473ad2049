"""A login that is bound to casinos acts for these, and sees no others."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tenants.access.permissions import bound_casinos, casinos_of
from tenants.http.request_state import request_state
from tenants.models import Casino, StaffBinding
from tenants.tests.api_clients import make_key

CHOSEN = "casino_id"


@pytest.fixture
def staff(django_user_model, casino_a, casino_b, settings):
    """A login bound to Alpha, with all permissions; Beta is the other casino."""
    settings.RECSYS_OPEN_API = False
    user = django_user_model.objects.create_user("bound", password="secret", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    StaffBinding.objects.create(user=user).casinos.set([casino_a])
    return user


@pytest.fixture
def page(staff):
    client = Client()
    client.force_login(staff)
    return client


def _config(client, casino_id):
    return client.get("/config", headers={"Casino-ID": str(casino_id)})


def test_bound_login_acts_for_its_casino(page):
    assert _config(page, 1).json()["code"] == "casino_not_configured"


def test_other_casino_is_refused_like_a_missing_one(page):
    answers = [_config(page, casino_id) for casino_id in (2, 3, 0, -1, 2**70)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}


def test_login_stays_bound_in_an_open_installation(page, settings):
    settings.RECSYS_OPEN_API = True
    assert _config(page, 2).json()["code"] == "casino_forbidden"
    assert _config(page, 1).json()["code"] == "casino_not_configured"


def test_switcher_offers_only_the_bound_casino(page):
    answer = page.get("/casino/")
    assert [casino.name for casino in answer.context["casinos"]] == ["Alpha"]
    assert [casino.name for casino in answer.context["switcher_casinos"]] == ["Alpha"]
    assert list(page.get("/casino/", {"q": "2"}).context["casinos"]) == []


@pytest.mark.parametrize("casino_id", [2, 3])
def test_other_casino_cannot_be_chosen(page, casino_id):
    assert page.post("/casino/", {"casino": casino_id}).status_code == 404
    assert CHOSEN not in page.session


def test_choice_made_before_the_binding_is_ignored(page, staff, casino_b):
    staff.casino_binding.casinos.set([casino_b])
    page.post("/casino/", {"casino": 2})
    staff.casino_binding.casinos.set([1])
    assert page.get("/config").json()["code"] == "casino_forbidden"
    answer = page.get(reverse("admin:recommendations_user_changelist"))
    assert (answer.status_code, request_state(answer.wsgi_request).casino) == (302, None)


def test_login_bound_to_no_casino_acts_for_none(page, staff):
    staff.casino_binding.casinos.clear()
    assert _config(page, 1).status_code == 403
    assert list(page.get("/casino/").context["casinos"]) == []


def test_login_without_a_binding_acts_for_all(page, staff):
    staff.casino_binding.delete()
    assert {_config(page, casino_id).status_code for casino_id in (1, 2)} == {400}


def test_superuser_is_never_bound(admin_user, casino_a):
    StaffBinding.objects.create(user=admin_user)
    assert bound_casinos(admin_user) is None
    assert casinos_of(admin_user).count() == 1


def test_login_that_is_no_longer_staff_acts_for_no_casino(page, staff):
    staff.is_staff = False
    staff.save()
    assert _config(page, 1).status_code == 403


def test_binding_costs_one_query(page, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):  # session, login, binding, casino
        _config(page, 1)


def test_admin_lists_only_the_bound_casino(page):
    text = page.get(reverse("admin:tenants_casino_changelist")).content.decode()
    assert "Alpha" in text
    assert "Beta" not in text


@pytest.mark.covered
def test_admin_page_of_another_casino_is_like_that_of_none(page):
    def visited(casino_id):
        answer = page.get(reverse("admin:tenants_casino_change", args=[casino_id]), follow=True)
        return answer.redirect_chain, answer.content.decode().replace(str(casino_id), "N").count("Beta")

    assert visited(2) == visited(77)


@pytest.mark.covered
@pytest.mark.parametrize("action", ["suspend", "resume", "back_up", "move", "restore", "delete"])
def test_action_on_another_casino_does_nothing(page, action, casino_b):
    page.post(reverse("admin:tenants_casino_changelist"), {"action": action, "_selected_action": [2], "confirmed": "1"})
    before = Casino.objects.values().get(pk=2)
    casino_b.refresh_from_db()
    assert (before["state"], casino_b.state) == ("active", "active")


def test_bound_casino_is_shown_without_its_source_and_cannot_be_renamed(page, casino_a, casino_b):
    Casino.objects.filter(pk=1).update(copied_from=casino_b)
    url = reverse("admin:tenants_casino_change", args=[1])
    assert "Beta" not in page.get(url).content.decode()
    page.post(url, {"name": "Beta"})
    casino_a.refresh_from_db()
    assert casino_a.name == "Alpha"


@pytest.mark.covered
@pytest.mark.parametrize(
    "name",
    [
        "tenants_databaseserver_changelist",
        "tenants_migrationrun_changelist",
        "tenants_casinomigration_changelist",
        "tenants_staffbinding_changelist",
        "auth_user_changelist",
        "auth_group_changelist",
        "tenants_casino_add",
    ],
)
def test_pages_about_all_casinos_are_closed_despite_all_permissions(page, name):
    assert page.get(reverse(f"admin:{name}")).status_code == 403


@pytest.mark.covered
def test_bound_login_sees_and_creates_keys_of_its_casino_only(page, casino_a, casino_b):
    own, other = make_key(casino_a).row, make_key(casino_b).row
    url = reverse("admin:tenants_apikey_changelist")
    text = page.get(url).content.decode()
    assert own.prefix in text
    assert other.prefix not in text
    page.post(url, {"action": "revoke", "_selected_action": [own.pk, other.pk]})
    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.state, other.state) == ("revoked", "valid")
    add = reverse("admin:tenants_apikey_add")
    assert "Beta" not in page.get(add).content.decode()
    form = {"casino": 2, "name": "x", "scopes": ["recommend"]}
    assert "Select a valid choice" in page.post(add, form).content.decode()


@pytest.mark.covered
@pytest.mark.parametrize("lookup", ["copied_from", "copied_from__id__exact", "copies", "staff_bindings", "api_keys"])
def test_filters_reveal_no_other_casino(page, casino_a, casino_b, lookup):
    Casino.objects.filter(pk=casino_a.pk).update(copied_from=casino_b)
    answers = [page.get("/admin/tenants/casino/", {lookup: number}) for number in (casino_b.pk, 77)]
    assert {answer.status_code for answer in answers} <= {302, 400}


def test_filters_on_plain_columns_work(page):
    assert page.get("/admin/tenants/casino/", {"state__exact": "active"}).status_code == 200
