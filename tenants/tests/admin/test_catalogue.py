import pytest

from tenants.models import Casino, CasinoDatabase, CasinoMigration, DatabaseServer, MigrationRun

pytestmark = pytest.mark.slow

SERVERS = "/admin/tenants/databaseserver/"


@pytest.fixture
def east(db, settings):
    """A server `east` with the address of the catalogue's own."""
    settings.DATABASE_SERVERS = {"east": {"requests": {}}}


def test_server_is_added_with_its_state_from_a_list(admin_client, east):
    page = admin_client.get(f"{SERVERS}add/")
    assert '<option value="closed">' in page.content.decode()
    answer = admin_client.post(f"{SERVERS}add/", {"name": "east", "capacity": "3", "state": "closed"})
    assert answer.status_code == 302
    server = DatabaseServer.objects.get(pk="east")
    assert (server.capacity, server.state) == (3, "closed")


@pytest.mark.parametrize(
    ("answers", "field", "error"),
    [
        ({"name": "west", "state": "open"}, "name", "set DATABASE_SERVER_WEST_URL"),
        ({"name": "East", "state": "open"}, "name", "small letters and digits only"),
        ({"name": "east", "state": "ajar"}, "state", "not one of the available choices"),
        ({"name": "east", "state": "open", "capacity": "-1"}, "capacity", "greater than or equal to 0"),
    ],
)
def test_invalid_server_is_refused_on_the_form(admin_client, east, answers, field, error):
    page = admin_client.post(f"{SERVERS}add/", answers)
    assert error in page.context["adminform"].form.errors[field][0]
    assert DatabaseServer.objects.count() == 1


def test_unreachable_server_is_refused_on_the_form(admin_client, settings):
    settings.DATABASE_SERVERS = {"east": {"requests": {"HOST": "127.0.0.1", "PORT": "1"}}}
    page = admin_client.post(f"{SERVERS}add/", {"name": "east", "state": "open"})
    assert "can't be reached" in page.context["adminform"].form.errors["name"][0]


def test_server_without_an_address_can_be_closed_and_resized(admin_client, db):
    DatabaseServer.objects.create(name="west")
    answer = admin_client.post(f"{SERVERS}west/change/", {"name": "other", "capacity": "5", "state": "closed"})
    assert answer.status_code == 302
    server = DatabaseServer.objects.get(pk="west")
    assert (server.capacity, server.state, DatabaseServer.objects.count()) == (5, "closed", 2)


def test_list_and_page_show_the_casinos_on_a_server_and_whether_it_has_an_address(admin_client, casino_a, casino_b):
    DatabaseServer.objects.create(name="west")
    content = admin_client.get(SERVERS).content.decode()
    assert '<a href="/admin/tenants/casino/?server__name__exact=main">2</a>' in content
    assert '<a href="/admin/tenants/casino/?server__name__exact=west">0</a>' in content
    assert (content.count('title="True"'), content.count('title="False"')) == (1, 1)
    assert "server__name__exact=main" in admin_client.get(f"{SERVERS}main/change/").content.decode()
    Casino.objects.filter(pk=2).update(server="west")
    page = admin_client.get("/admin/tenants/casino/?server__name__exact=main")
    assert [casino.name for casino in page.context["cl"].result_list] == ["Alpha"]


def test_catalogues_own_server_and_one_with_databases_stay(admin_client, casino_a):
    west = DatabaseServer.objects.create(name="west")
    empty = DatabaseServer.objects.create(name="empty")
    CasinoDatabase.objects.create(casino=casino_a, generation=2, server=west, db_name="any")
    assert admin_client.post(f"{SERVERS}main/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(f"{SERVERS}west/delete/", {"post": "yes"})
    admin_client.post(f"{SERVERS}empty/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": ["main", "west"], "post": "yes"}
    admin_client.post(SERVERS, chosen)
    assert set(DatabaseServer.objects.values_list("name", flat=True)) == {"main", "west"}
    assert empty.name == "empty"


def test_migration_runs_are_shown_and_not_changed(admin_client, casino_a):
    run = MigrationRun.objects.create(target="abc", up_to_date=3)
    done = CasinoMigration.objects.create(run=run, casino=casino_a, outcome="failed", error="lock timeout")
    runs, casinos = "/admin/tenants/migrationrun/", "/admin/tenants/casinomigration/"
    assert "abc" in admin_client.get(runs).content.decode()
    assert "lock timeout" in admin_client.get(f"{runs}{run.pk}/change/").content.decode()
    assert "lock timeout" in admin_client.get(f"{casinos}?outcome=failed").content.decode()
    for url in (f"{runs}add/", f"{casinos}add/", f"{runs}{run.pk}/delete/", f"{casinos}{done.pk}/delete/"):
        assert admin_client.get(url).status_code == 403
    assert admin_client.post(f"{casinos}{done.pk}/change/", {"error": ""}).status_code == 403
    done.refresh_from_db()
    assert done.error == "lock timeout"
