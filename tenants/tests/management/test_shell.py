import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from tenants.management.commands.shell import Command
from tenants.models import Casino, CasinoState
from tenants.routing.context import find_current_casino, use_casino
from tenants.tests.casino_rows import make_user

NAMES = "from recommendations.models import User; print(*User.objects.values_list('name', flat=True))"


@pytest.fixture(autouse=True)
def users(casino_a, casino_b):
    for casino, name in ((casino_a, "Ada"), (casino_b, "Grace")):
        with use_casino(casino.current):
            make_user(name)


def _shell(*arguments):
    call_command("shell", "-v", "0", *arguments)


def test_named_casino_is_current_and_in_the_variable_casino(capsys):
    _shell("--casino", "2", "-c", f"{NAMES}; print(casino)")
    assert capsys.readouterr().out == "Grace\nBeta (casino 2)\n"
    assert find_current_casino() is None


def test_code_from_standard_input_has_the_casino_too(capsys, monkeypatch, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"{NAMES}\nprint(casino.pk)\n")
    with script.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        _shell("--casino", "1")
    assert capsys.readouterr().out == "Ada\n1\n"


def test_casino_is_available_without_automatic_imports(capsys):
    _shell("--casino", "1", "--no-imports", "-c", "print(casino.name)")
    assert capsys.readouterr().out == "Alpha\n"


def test_suspended_casino_can_be_used_in_the_shell(capsys):
    Casino.objects.filter(pk=2).update(state=CasinoState.SUSPENDED)
    _shell("--casino", "2", "-c", "print(casino.state)")
    assert capsys.readouterr().out == "suspended\n"


def test_casino_is_left_after_an_error(capsys):
    with pytest.raises(ZeroDivisionError):
        _shell("--casino", "1", "-c", "1 / 0")
    assert find_current_casino() is None


def test_without_a_casino_none_is_current(capsys):
    _shell(
        "-c",
        "from tenants.routing.context import find_current_casino; print(find_current_casino(), 'casino' in globals())",
    )
    assert capsys.readouterr().out == "None False\n"


@pytest.mark.parametrize("casino_id", ["3", "4", "0", "-1", str(2**64)])
def test_casino_that_is_unknown_or_has_no_database_is_refused(casino_id):
    Casino.objects.create(id=3, name="Gamma")
    with pytest.raises(CommandError, match=f"No casino with a complete database has the id {casino_id};"):
        _shell("--casino", casino_id, "-c", "print('never')")


@pytest.mark.parametrize("arguments", [("--casino", "1"), ()])
def test_user_is_the_casinos_user_and_never_a_login(capsys, arguments):
    _shell(*arguments, "-c", "print(User._meta.label, StaffUser._meta.label)")
    assert capsys.readouterr().out == "recommendations.User auth.User\n"


def test_no_other_models_share_a_name():
    names = [model.__name__ for model in apps.get_models()]
    assert {name for name in names if names.count(name) > 1} == {"User"}


@pytest.mark.parametrize(
    ("casino_id", "rows"), [(2, "the rows of Beta (casino 2)"), (None, "no casino is current; start with --casino ID")]
)
def test_banner_says_which_user_is_which(capsys, casino_id, rows):
    command = Command()
    command._casino = Casino.objects.filter(pk=casino_id).first()
    command.get_namespace(verbosity=1, no_imports=False)
    banner = capsys.readouterr().out
    assert f"User, Event, PurchasedCoupon, ..: {rows}" in banner
    assert "StaffUser: a login of the staff" in banner
