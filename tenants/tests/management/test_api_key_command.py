"""`manage.py api_key`."""

import re

import pytest
from django.core.management import CommandError

from tenants.models import ApiKey, Casino, CasinoState
from tenants.tests.api_clients import ask
from tenants.tests.commands import run


@pytest.fixture(autouse=True)
def closed(settings, casino_a):
    settings.RECSYS_OPEN_API = False


def test_created_key_is_shown_once_and_works(casino_a):
    written = run("api_key", "create", 1, "back end", "--scope", "recommend", "--scope", "configure")
    key = written.out.split()[0]
    assert re.fullmatch(r"recsys_[0-9a-f]{12}_[\w-]{43}", key)
    assert ask(key).json()["code"] == "casino_not_configured"
    row = ApiKey.objects.get()
    assert (row.scopes, row.expires_at) == (["configure", "recommend"], None)
    assert row.created_by.startswith("command line")
    assert key not in run("api_key", "list", "--all").out + run("api_key", "list", "--json").out


def test_key_without_a_scope_named_recommends(casino_a):
    document = run("api_key", "create", 1, "shop", "--days", 30, "--json").document
    assert (document["scopes"], document["state"]) == (["recommend"], "valid")
    assert document["expires_at"] is not None


def test_list_shows_keys_with_their_casinos(casino_a, casino_b):
    for casino_id, name in ((1, "one"), (2, "two")):
        run("api_key", "create", casino_id, name)
    assert [line.split()[1:3] for line in run("api_key", "list").out.splitlines()[1:]] == [["1", "one"], ["2", "two"]]
    assert [each["name"] for each in run("api_key", "list", "--casino", 2, "--json").document] == ["two"]


def test_revoked_key_is_refused_and_listed_only_with_all(casino_a):
    created = run("api_key", "create", 1, "back end", "--scope", "configure", "--json").document
    assert "is revoked" in run("api_key", "revoke", created["prefix"]).out
    assert ask(created["key"]).status_code == 401
    assert run("api_key", "list").out.strip() == "No keys found."
    assert [each["state"] for each in run("api_key", "list", "--all", "--json").document] == ["revoked"]


@pytest.mark.parametrize(("options", "status"), [([], 401), (["--overlap-hours", 2], 400)])
def test_rotated_key_expires_at_once_or_after_the_overlap(casino_a, options, status):
    created = run("api_key", "create", 1, "back end", "--scope", "configure", "--json").document
    rotated = run("api_key", "rotate", created["prefix"], *options, "--json").document
    assert ask(rotated["key"]).status_code == 400  # not configured yet
    assert ask(created["key"]).status_code == status


def test_whole_key_in_place_of_its_prefix_is_not_repeated(casino_a):
    key = run("api_key", "create", 1, "back end", "--json").document["key"]
    with pytest.raises(CommandError) as refused:
        run("api_key", "revoke", key)
    assert key not in str(refused.value)


@pytest.mark.parametrize("arguments", [(3, "x"), (0, "x"), (1, ""), (1, "x" * 101), (1, "x", "--days", "0")])
def test_invalid_key_is_refused(casino_a, arguments):
    with pytest.raises(CommandError):
        run("api_key", "create", *arguments)
    assert not ApiKey.objects.exists()


def test_deleted_casino_gets_no_key(casino_a):
    Casino.objects.update(state=CasinoState.DELETED)
    with pytest.raises(CommandError, match="deleted"):
        run("api_key", "create", 1, "x")
