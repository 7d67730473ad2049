import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.create import store_casinos
from tenants.lifecycle.suspend import suspend_casino
from tenants.management.run_for_casino import fill
from tenants.models import Casino, CasinoState
from tenants.routing.context import find_current_casino
from tenants.tests.casinos import add_user

# Two jobs start processes, which takes seconds.
one_and_two_jobs = pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.exhaustive)])
NAMES = "from recommendations.models import User; print(*User.objects.values_list('name', flat=True))"


@pytest.fixture
def gamma_and_delta(real_databases):
    """Two casinos with one user each; a third, Failed, has no database."""
    casinos = store_casinos(["Gamma", "Delta"])
    for casino, name in zip(casinos, ("Ada", "Grace"), strict=True):
        add_user(casino, name)
    Casino.objects.create(name="Failed", state=CasinoState.FAILED)
    return casinos


def _run(*arguments):
    """stdout, stderr, and the error message."""
    out, err, message = StringIO(), StringIO(), ""
    try:
        call_command("for_casinos", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        message = str(error)
    return out.getvalue(), err.getvalue(), message


def _shell(code):
    return "--", "shell", "-v", "0", "-c", code


@one_and_two_jobs
def test_command_runs_for_each_casino_with_that_casino_current(gamma_and_delta, jobs):
    gamma, delta = gamma_and_delta
    out, err, message = _run("--all", "--jobs", jobs, *_shell(NAMES))
    assert sorted(out.splitlines()) == [f"{gamma.pk}: Ada", f"{delta.pk}: Grace"]
    assert (err, message) == ("", "")
    assert find_current_casino() is None


def test_lines_of_a_single_casino_have_no_prefix(gamma_and_delta):
    assert _run("--casino", str(gamma_and_delta[1].pk), *_shell(NAMES))[0] == "Grace\n"


def test_all_includes_suspended_casinos(gamma_and_delta):
    suspend_casino(gamma_and_delta[0])
    assert len(_run("--all", *_shell(NAMES))[0].splitlines()) == 2


def test_failure_for_one_casino_does_not_stop_the_others_and_ends_with_an_error(gamma_and_delta, caplog):
    gamma, delta = gamma_and_delta
    code = f"from tenants.routing.context import get_current_casino as c; print('begun'); 1 / (c().id - {gamma.pk})"
    out, err, message = _run("--all", *_shell(code))
    assert sorted(out.splitlines()) == [f"{gamma.pk}: begun", f"{delta.pk}: begun"]
    assert f"Gamma (casino {gamma.pk}): ZeroDivisionError: division by zero" in err
    assert message == f"shell failed for 1 of 2 casinos: {gamma.pk}."


def test_casino_with_a_missing_database_fails_alone(gamma_and_delta):
    gamma, delta = gamma_and_delta
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
    out, err, _ = _run("--all", *_shell(NAMES))
    assert out == f"{delta.pk}: Grace\n"
    assert f"Gamma (casino {gamma.pk}): OperationalError: " in err


def test_exit_is_a_failure_only_with_a_status(gamma_and_delta):
    assert _run("--all", *_shell("import sys; sys.exit()"))[2] == ""
    assert "shell exited with status 3" in _run("--all", *_shell("import sys; sys.exit(3)"))[1]


def test_placeholders_are_replaced_and_other_braces_stay(gamma_and_delta):
    gamma, _ = gamma_and_delta
    words = ["{id}-{name}", "{alias}", "x{db_name}", '{"json": {id}}', "{}", "{other}"]
    assert fill(words, gamma) == [
        f"{gamma.pk}-Gamma",
        gamma.current.alias,
        f"x{gamma.db_name}",
        f'{{"json": {gamma.pk}}}',
        "{}",
        "{other}",
    ]


def test_djangos_own_commands_take_the_casinos_alias(gamma_and_delta):
    gamma, delta = gamma_and_delta
    words = ["--", "dumpdata", "recommendations.User", "--database", "{alias}"]
    written = dict(line.split(": ", 1) for line in _run("--all", *words)[0].splitlines())
    names = {pk: [row["fields"]["name"] for row in json.loads(rows)] for pk, rows in written.items()}
    assert names == {str(gamma.pk): ["Ada"], str(delta.pk): ["Grace"]}


def test_arguments_after_a_second_pair_of_dashes_are_the_commands(gamma_and_delta, capfd):
    gamma, _ = gamma_and_delta
    words = ["--", "dbshell", "--casino", "{id}", "--", "-tAc", "SELECT current_database()"]
    assert _run("--casino", str(gamma.pk), *words)[2] == ""
    assert capfd.readouterr().out.strip() == gamma.db_name


@one_and_two_jobs
def test_json_reports_each_casino_with_its_output(gamma_and_delta, jobs):
    gamma, delta = gamma_and_delta
    code = f"{NAMES}; import sys; print('half', file=sys.stderr, end=''); Ada = 1 / (User.objects.get().name != 'Ada')"
    out, _, message = _run("--all", "--json", "--jobs", jobs, *_shell(code))
    first, second = json.loads(out)
    assert (first["id"], first["name"], first["output"]) == (gamma.pk, "Gamma", ["Ada", "half"])
    assert first["error"] == "ZeroDivisionError: division by zero"
    assert (second["id"], second["error"], second["output"]) == (delta.pk, "", ["Grace", "half"])
    assert second["seconds"] > 0
    assert message


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--", "check"], "one of the arguments --casino --all is required"),
        (["--all", "--casino", "1", "--", "check"], "not allowed with argument"),
        (["--all"], "Name the command to run after two dashes"),
        (["--all", "--", "chekc"], "There is no command 'chekc'"),
        (["--casino", "999999", "--", "check"], "No casino with a complete database has the id 999999"),
    ],
)
def test_invalid_arguments_are_refused(real_databases, arguments, error):
    assert error in _run(*arguments)[2]


def test_without_casinos_nothing_runs(real_databases):
    assert _run("--all", "--", "check") == ("", "", "")
