from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.auth.models import User as StaffUser
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection
from django.test import Client, RequestFactory

from tenants.databases.locks import casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.backup import back_up, backups_of
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.restore import restore_casino
from tenants.models import Casino, CasinoState
from tenants.postgresql.wait_budget import request_budget, waiting_within
from tenants.tests.casinos import add_user, databases_on, users_of

LIST = "/admin/tenants/casino/"
ACTIONS = {"finish_provisioning", "suspend", "resume", "back_up", "move", "clone", "restore", "delete"}


@pytest.fixture
def staff(real_databases):
    client = Client()
    client.force_login(StaffUser.objects.create_superuser("admin"))
    return client


@pytest.fixture
def gamma(real_databases):
    casino = create_casino("Gamma", server="main")
    add_user(casino, "Ada")
    return casino


@pytest.fixture
def delta(real_databases):
    return create_casino("Delta", server="main")


def _do(client, action, *casinos, **answers):
    """The response to choosing an action, or to confirming it."""
    chosen = {"action": action, "_selected_action": [casino.pk for casino in casinos]}
    confirmed = {"confirmed": "yes", **answers} if answers else {}
    return client.post(LIST, {**chosen, **confirmed}, follow=True)


def _messages(response):
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


@pytest.mark.covered
def test_casino_that_failed_says_why_and_can_be_finished(staff):
    casino = Casino.objects.create(name="Gamma")
    name = f"test_casino_{casino.pk}"
    with server_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
        [(level, messages)] = _messages(_do(staff, "finish_provisioning", casino))
        assert (level, "already exists" in messages) == ("error", True)
        cursor.execute(f"DROP DATABASE {quoted(name)}")
    messages = _messages(_do(staff, "finish_provisioning", casino))
    assert messages == [("success", f"Gamma (casino {casino.pk}) is ready: database {name}.")]
    casino.refresh_from_db()
    assert casino.state == CasinoState.ACTIVE


def test_casinos_are_suspended_and_resumed_and_that_is_logged(staff, gamma, delta):
    messages = _messages(_do(staff, "suspend", gamma, delta))
    assert messages == [("success", f"{delta} is suspended."), ("success", f"{gamma} is suspended.")]
    assert set(Casino.objects.values_list("state", flat=True)) == {CasinoState.SUSPENDED}
    assert _messages(_do(staff, "resume", gamma)) == [("success", f"{gamma} is active.")]
    logged = LogEntry.objects.filter(object_id=str(gamma.pk)).order_by("id")
    assert [entry.change_message for entry in logged] == [f"{gamma} is suspended.", f"{gamma} is active."]


def test_failure_of_one_casino_is_reported_and_does_not_stop_the_others(staff, gamma, delta, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    unfinished = Casino.objects.create(name="Epsilon")
    with casino_lock(delta.pk):
        messages = _messages(_do(staff, "suspend", gamma, delta, unfinished))
    assert [level for level, _ in messages] == ["error", "error", "success"]
    assert f"Another process has been working on casino {delta.pk}" in messages[0][1]
    assert f"{unfinished} is requested" in messages[1][1]
    gamma.refresh_from_db()
    assert gamma.state == CasinoState.SUSPENDED


def test_casinos_are_backed_up(staff, gamma, delta):
    messages = _messages(_do(staff, "back_up", gamma, delta))
    assert [level for level, _ in messages] == ["success", "success"]
    assert str(backups_of(gamma)[0].folder) in messages[1][1]
    assert len(backups_of(delta)) == 1


def test_move_asks_for_the_server_and_then_moves(staff, gamma, delta, second_server):
    page = _do(staff, "move", gamma, delta)
    content = page.content.decode()
    assert "nothing is stored for it" in content
    assert '<option value="east">' in content
    assert str(gamma) in content
    gamma.refresh_from_db()
    assert gamma.server_id == "main"
    messages = _messages(_do(staff, "move", gamma, delta, server="east"))
    assert messages == [("success", f"{delta} is on east."), ("success", f"{gamma} is on east.")]
    assert users_of(gamma) == ["Ada"]


def test_move_to_an_unknown_server_shows_the_form_again(staff, gamma):
    page = _do(staff, "move", gamma, server="west")
    assert page.context["form"].errors["server"]
    assert "errornote" in page.content.decode()
    gamma.refresh_from_db()
    assert gamma.server_id == "main"


def test_clone_asks_for_a_name_and_then_copies(staff, gamma):
    assert 'name="name"' in _do(staff, "clone", gamma).content.decode()
    assert _do(staff, "clone", gamma, name="").context["form"].errors["name"]
    [(level, messages)] = _messages(_do(staff, "clone", gamma, name="Copy", server=""))
    copy = Casino.objects.get(name="Copy")
    assert (level, messages) == ("success", f"{copy} is a copy of {gamma}.")
    assert users_of(copy) == ["Ada"]


def test_restore_offers_the_casinos_own_backups_and_retired_generations(staff, gamma, delta):
    first = back_up(gamma)
    add_user(gamma, "Later")
    restore_casino(gamma, first.folder)
    theirs = back_up(delta)
    page = _do(staff, "restore", gamma)
    choices = [key for key, _ in page.context["form"].fields["source"].choices]
    assert choices == ["generation:1", f"backup:{first.folder}"]
    assert "stay only in its current database" in page.content.decode()
    assert _do(staff, "restore", gamma, source=f"backup:{theirs.folder}").context["form"].errors["source"]
    assert users_of(gamma) == ["Ada"]
    assert _messages(_do(staff, "restore", gamma, source="generation:1")) == [
        ("success", f"{gamma} is restored: generation 3.")
    ]
    assert users_of(gamma) == ["Ada", "Later"]
    _do(staff, "restore", gamma, source=f"backup:{first.folder}")
    assert users_of(gamma) == ["Ada"]


@pytest.mark.parametrize("action", ["clone", "restore"])
def test_action_for_a_single_casino_refuses_two(staff, gamma, delta, action):
    assert _messages(_do(staff, action, gamma, delta)) == [("error", "Select one casino only.")]


def test_delete_says_what_will_happen_with_a_backup_first_checked(staff, gamma, delta):
    page = _do(staff, "delete", gamma)
    content = page.content.decode()
    assert "these databases are dropped" in content
    assert f"{gamma.db_name} on main" in content
    assert str(delta) not in content
    assert 'name="backup"' in content
    assert page.context["form"]["backup"].value() is True
    assert users_of(gamma) == ["Ada"]


def test_action_waits_for_the_catalogue_without_a_requests_time_outs(staff, gamma):
    def time_outs():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
            return " ".join(cursor.fetchone())

    admin: Any = site.get_model_admin(Casino)
    request: Any = RequestFactory().post(LIST)
    request.user = StaffUser.objects.get()
    request._messages = CookieStorage(request)
    connection.close()
    with waiting_within(request_budget()):
        assert time_outs() == "4500ms 4s"
        admin.run_for_each(request, [gamma], lambda casino: f"{casino}: {time_outs()}")
        assert [str(message) for message in request._messages._queued_messages] == [f"{gamma}: 0 0"]
        assert time_outs() == "4500ms 4s"
    connection.close()


@pytest.mark.covered
def test_casinos_are_deleted_after_a_backup(staff, gamma, delta):
    messages = _messages(_do(staff, "delete", gamma, delta, backup="on"))
    assert [level for level, _ in messages] == ["success", "success"]
    assert set(Casino.objects.values_list("state", flat=True)) == {CasinoState.DELETED}
    assert databases_on() == set()
    assert [len(backups_of(casino)) for casino in (gamma, delta)] == [1, 1]


def test_casinos_are_deleted_without_a_backup_where_the_box_is_not_checked(staff, gamma):
    assert _messages(_do(staff, "delete", gamma, another="answer")) == [("success", f"{gamma} is deleted.")]
    assert backups_of(gamma) == []


def _staff_with(*permissions):
    user = StaffUser.objects.create_user("some", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions, content_type__app_label="tenants"))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.covered
@pytest.mark.parametrize(
    ("permissions", "offered"),
    [
        (["view_casino"], set()),
        (["view_casino", "change_casino"], ACTIONS - {"clone", "delete"}),
        (["view_casino", "add_casino"], {"clone"}),
        (["view_casino", "delete_casino"], {"delete"}),
    ],
)
def test_staff_see_only_the_actions_that_they_may_run(gamma, permissions, offered):
    client = _staff_with(*permissions)
    form = client.get(LIST).context["action_form"]
    choices = {key for key, _ in form.fields["action"].choices if key} if form else set()
    assert choices == offered


def test_staff_without_permission_change_nothing(gamma):
    client = _staff_with("view_casino", "change_casino")
    _do(client, "delete", gamma, backup="on")
    assert users_of(gamma) == ["Ada"]
    other = Client()
    other.force_login(StaffUser.objects.create_user("looks", is_staff=True))
    assert other.post(LIST, {"action": "suspend", "_selected_action": [gamma.pk]}).status_code == 403
    gamma.refresh_from_db()
    assert gamma.state == CasinoState.ACTIVE


@pytest.mark.covered
def test_confirmation_pages_have_a_title_and_labels(staff, gamma):
    store_casinos(["Delta"])
    back_up(gamma)
    for action, field in (("move", "server"), ("clone", "name"), ("restore", "source"), ("delete", "backup")):
        content = _do(staff, action, gamma).content.decode()
        assert f'for="id_{field}"' in content
        assert content.count("<h1") == 1
        assert 'aria-current="page"' in content
