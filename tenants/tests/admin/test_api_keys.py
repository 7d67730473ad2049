"""API keys and bindings in the admin."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tenants.access.api_keys import revoke_key
from tenants.models import ApiKey, StaffBinding
from tenants.tests.api_clients import ask, make_key

pytestmark = pytest.mark.slow

LIST, ADD = "/admin/tenants/apikey/", "/admin/tenants/apikey/add/"
FORM = {"casino": 1, "name": "back end", "scopes": ["configure"], "expires_at_0": "", "expires_at_1": ""}


@pytest.fixture(autouse=True)
def closed(settings, casino_a):
    settings.RECSYS_OPEN_API = False


def _shown(answer):
    return re.findall(r"recsys_[0-9a-f]{12}_[\w-]{43}", answer.content.decode())


def test_new_key_is_shown_once_and_works(admin_client):
    answer = admin_client.post(ADD, FORM)
    [key] = _shown(answer)
    assert "no-store" in answer["Cache-Control"]
    assert ask(key).json()["code"] == "casino_not_configured"
    row = ApiKey.objects.get()
    assert (row.created_by, row.scopes) == ("admin", ["configure"])
    for url in (LIST, "/admin/", f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/"):
        assert key not in admin_client.get(url).content.decode()
    assert key not in str(LogEntry.objects.values())
    assert key not in str(admin_client.cookies) + str(dict(admin_client.session))


@pytest.mark.covered
@pytest.mark.parametrize("changes", [{"scopes": []}, {"scopes": ["all"]}, {"name": ""}, {"casino": 9}])
def test_invalid_key_is_refused(admin_client, changes):
    assert _shown(admin_client.post(ADD, FORM | changes)) == []
    assert not ApiKey.objects.exists()


def test_keys_are_revoked_by_the_list(admin_client, casino_a):
    key = make_key(casino_a)
    admin_client.post(LIST, {"action": "revoke", "_selected_action": [key.row.pk]})
    assert ask(key.text).status_code == 401
    assert LogEntry.objects.get().object_id == str(key.row.pk)


def test_rotated_key_is_shown_once_and_the_old_one_is_refused(admin_client, casino_a):
    key = make_key(casino_a)
    [new] = _shown(admin_client.post(LIST, {"action": "rotate", "_selected_action": [key.row.pk]}))
    assert (ask(key.text).status_code, ask(new).status_code) == (401, 400)


def test_revoked_key_is_not_rotated(admin_client, casino_a):
    key = make_key(casino_a).row
    revoke_key(key)
    answer = admin_client.post(LIST, {"action": "rotate", "_selected_action": [key.pk]}, follow=True)
    assert _shown(answer) == []
    assert "create a new one" in answer.content.decode()


@pytest.mark.parametrize(("permission", "action"), [("view_apikey", "revoke"), ("view_apikey", "rotate")])
def test_staff_with_view_permission_change_nothing(django_user_model, casino_a, permission, action):
    key = make_key(casino_a)
    staff = django_user_model.objects.create_user("looker", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename=permission))
    client = Client()
    client.force_login(staff)
    client.post(LIST, {"action": action, "_selected_action": [key.row.pk]})
    assert client.get(ADD).status_code == 403
    assert ApiKey.objects.get().state == "valid"


def test_list_runs_no_more_queries_for_more_keys(admin_client, casino_a, casino_b, django_assert_max_num_queries):
    for casino in (casino_a, casino_b) * 5:
        make_key(casino)
    with django_assert_max_num_queries(8):
        admin_client.get(LIST)


def test_login_is_bound_to_casinos_and_freed(admin_client, django_user_model, casino_a, casino_b):
    staff = django_user_model.objects.create_user("bound", is_staff=True)
    django_user_model.objects.create_user("customer")
    add = reverse("admin:tenants_staffbinding_add")
    page = admin_client.get(add).content.decode()
    assert "bound" in page
    assert "customer" not in page
    admin_client.post(add, {"user": staff.pk, "casinos": [2]})
    assert list(StaffBinding.objects.get().casinos.values_list("pk", flat=True)) == [2]
    assert "Beta" in admin_client.get(reverse("admin:tenants_staffbinding_changelist")).content.decode()
    admin_client.post(reverse("admin:tenants_staffbinding_change", args=[staff.pk]), {"casinos": []})
    assert list(StaffBinding.objects.get().casinos.all()) == []
    admin_client.post(reverse("admin:tenants_staffbinding_delete", args=[staff.pk]), {"post": "yes"})
    assert not StaffBinding.objects.exists()
