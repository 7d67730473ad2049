"""`manage.py fill_dummy_casinos`, on existing casinos, which saves creating databases."""

from django.core.management import call_command

from recommendations.models import Event, EventTeam, Team, User, UserProfile
from tenants.models import Casino
from tenants.routing.context import use_casino

NAMES = ["Dummy casino 1", "Dummy casino 2"]


def fill(capsys):
    call_command("fill_dummy_casinos", casinos=2, users=5, events=20)
    return capsys.readouterr().out


def rename(*casinos):
    for casino, name in zip(casinos, NAMES, strict=True):
        Casino.objects.filter(pk=casino.pk).update(name=name)


def counts(casino):
    with use_casino(casino.current):
        tables = (User, UserProfile, Event, Team, EventTeam)
        return [table.objects.count() for table in tables]


def test_each_casino_gets_users_teams_and_events(casino_a, casino_b, capsys):
    rename(casino_a, casino_b)
    fill(capsys)
    for casino in (casino_a, casino_b):
        users, profiles, events, teams, links = counts(casino)
        assert users == profiles == 5
        assert 0 < events <= 20
        assert teams > 2
        assert links == 2 * events


def test_a_second_call_changes_nothing_and_completes_an_interrupted_one(casino_a, casino_b, capsys):
    rename(casino_a, casino_b)
    fill(capsys)
    before = counts(casino_a)
    with use_casino(casino_b.current):
        Event.objects.all().delete()
    fill(capsys)
    assert counts(casino_a) == before
    assert counts(casino_b)[2] > 0


def test_nothing_is_created_beside_other_casinos(casino_a, casino_b, capsys):
    assert "no dummy casinos were created" in fill(capsys)
    assert counts(casino_a) == [0, 0, 0, 0, 0]
    assert Casino.objects.count() == 2
