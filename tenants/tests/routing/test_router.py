import pytest
from django.contrib.sessions.models import Session
from django.db import router
from django.db.migrations.loader import MigrationLoader

from tenants.errors import CasinoMismatch, NoCurrentCasino, UnclassifiedApp
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.routing.router import TenantRouter, is_casino_app
from tenants.tests.casino_rows import User, make_user, new_user


def test_casino_model_without_a_casino_has_no_database():
    with pytest.raises(NoCurrentCasino):
        router.db_for_read(User)
    with pytest.raises(NoCurrentCasino):
        router.db_for_write(User)


def test_casino_model_is_in_the_current_casinos_database(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            assert router.db_for_read(User) == router.db_for_write(User) == f"casino_{casino.pk}"


def test_catalogue_model_is_in_the_catalogue_with_any_current_casino(casino_a):
    assert router.db_for_read(Casino) == "default"
    with use_casino(casino_a.current):
        assert router.db_for_read(Session) == router.db_for_write(Casino) == "default"


def test_new_object_goes_to_the_current_casino(casino_a, casino_b):
    with use_casino(casino_a.current):
        make_user("Only in A")
    with use_casino(casino_b.current):
        assert not User.objects.exists()
    with use_casino(casino_a.current):
        assert User.objects.get().name == "Only in A"


def test_saving_an_object_of_another_casino_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        user = make_user()
    with use_casino(casino_b.current):
        with pytest.raises(CasinoMismatch, match="belongs to casino_1, but casino_2"):
            user.save()
        assert not User.objects.exists()


def test_deleting_an_object_of_another_casino_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        user = make_user(id=7)
    with use_casino(casino_b.current):
        make_user(id=7)
        with pytest.raises(CasinoMismatch):
            user.delete()
        assert User.objects.count() == 1


def test_refreshing_an_object_of_another_casino_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        user = make_user(id=7)
    with use_casino(casino_b.current):
        make_user(id=7)
        with pytest.raises(CasinoMismatch):
            user.refresh_from_db()


def test_loading_a_deferred_field_in_another_casino_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        make_user(id=7)
        user = User.objects.only("id").get()
    with use_casino(casino_b.current):
        make_user("Not this one", id=7)
        with pytest.raises(CasinoMismatch):
            str(user.name)


def test_saving_without_a_casino_raises(db):
    with pytest.raises(NoCurrentCasino):
        new_user().save()


def test_objects_of_two_casinos_may_not_be_related(casino_a, casino_b):
    with use_casino(casino_a.current):
        user_a, other_a = make_user(), make_user()
    with use_casino(casino_b.current):
        user_b = make_user()
    assert router.allow_relation(user_a, other_a) is True
    assert router.allow_relation(user_a, user_b) is False


def test_unsaved_object_may_only_be_related_to_objects_of_the_same_kind_of_app(casino_a):
    with use_casino(casino_a.current):
        user = make_user()
    assert router.allow_relation(user, new_user()) is True
    assert router.allow_relation(new_user(), user) is True
    assert router.allow_relation(user, casino_a) is False
    assert router.allow_relation(new_user(), Casino()) is False
    assert router.allow_relation(casino_a, Session()) is True


def test_each_app_migrates_either_in_the_catalogue_or_in_casinos():
    answers = {
        (app, db): TenantRouter().allow_migrate(db, app)
        for app in MigrationLoader(None).migrated_apps
        for db in ("default", "casino_1", "casino_template")
    }
    assert {app for app, _ in answers} >= {"auth", "admin", "sessions", "tenants", "recommendations"}
    for (app, db), answer in answers.items():
        assert answer is ((app in {"ingestion", "recommendations"}) == (db != "default"))


def test_casino_apps_and_catalogue_apps_are_those_of_the_settings(settings):
    settings.CASINO_APPS, settings.CATALOGUE_APPS = ["tenants"], ["recommendations"]
    assert is_casino_app("tenants")
    assert not is_casino_app("recommendations")


def test_unclassified_app_has_no_database(settings, casino_a):
    settings.CATALOGUE_APPS = ["tenants"]
    with use_casino(casino_a.current):
        for ask in (router.db_for_read, router.db_for_write):
            with pytest.raises(UnclassifiedApp, match=r"'sessions' is in neither CASINO_APPS nor CATALOGUE_APPS"):
                ask(Session)
    for alias in ("default", "casino_1"):
        with pytest.raises(UnclassifiedApp):
            TenantRouter().allow_migrate(alias, "sessions")
