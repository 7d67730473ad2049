"""Names of casinos and API keys."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError

from tenants.admin.api_keys import ApiKeyForm
from tenants.admin.forms import CasinoForm, CloneForm
from tenants.names import validate_name
from tenants.tests.commands import run

HIDDEN = [
    "a\nb",
    "a\tb",
    "a\x1b[31mb",
    "a\u202eb",
    "a\u2066b",
    "a\u200bb",
    "a\ufeffb",
    "a\u2028b",
    "a\xa0b",
    "a\ud800b",
]


@pytest.mark.parametrize("name", ["Café Royale", "A", "Казино 7", "賭場", "x" * 100, "O'Neill & Sons"])
def test_visible_names_are_accepted(name):
    validate_name(name)


@pytest.mark.parametrize("name", [*HIDDEN, "", "   ", "x" * 101, " A", "A ", "A  B"])
def test_names_that_do_not_show_as_they_are_are_refused(name):
    with pytest.raises(ValidationError):
        validate_name(name)


@pytest.mark.covered
@pytest.mark.parametrize("name", HIDDEN)
def test_no_command_creates_such_a_casino_or_key(casino_a, name):
    for arguments in (("casino", "create", name), ("casino", "clone", 1, name), ("api_key", "create", 1, name)):
        with pytest.raises(CommandError, match=r"invisible or control character U\+[0-9A-F]{4}"):
            run(*arguments)


def test_no_form_of_the_admin_takes_such_a_name(casino_a):
    name = "Alpha\u200b"
    for form in (CasinoForm({"name": name}), CloneForm({"name": name}), ApiKeyForm({"casino": 1, "name": name})):
        assert "U+200B" in str(form.errors["name"])
