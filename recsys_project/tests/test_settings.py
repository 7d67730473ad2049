"""The settings: variables of the environment and their defaults."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

PROJECT = Path(settings.BASE_DIR)
# Imports the modules that settings need once; for each line of input, a fork then reads the settings of an environment.
# Its output and errors go to a file.
READER = """
import json, os, sys
import django.conf, django_stubs_ext, environ, recsys_project.environment

for line in sys.stdin:
    path, names, environment = json.loads(line)
    if not os.fork():
        output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1), os.dup2(output, 2)
        os.environ.clear()
        os.environ.update(environment)
        from django.conf import settings
        print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
        sys.exit()
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
PRODUCTION = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "SECRET_KEY": "k" * 60}


@pytest.fixture(scope="module")
def read_settings(tmp_path_factory):
    """A function that returns the settings of a process with only these variables, or the output of a process that
    failed."""
    report = tmp_path_factory.mktemp("settings") / "report"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    reader = subprocess.Popen(
        [sys.executable, "-c", READER], cwd=PROJECT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    requests, statuses = reader.stdin, reader.stdout
    assert requests is not None
    assert statuses is not None

    def read(*names, **environment):
        environment = {**kept, "DJANGO_SETTINGS_MODULE": "recsys_project.settings", **environment}
        requests.write(json.dumps([str(report), names, environment]) + "\n")
        requests.flush()
        status = int(statuses.readline())
        return json.loads(report.read_text()) if status == 0 else report.read_text()

    with reader:
        yield read


def test_example_describes_every_variable():
    source = (PROJECT / "recsys_project" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))
    example = (PROJECT / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == read
    for name in read:
        assert re.search(rf"^# .+\n(#?[A-Z_]+=.*\n)*#?{name}=", example, re.MULTILINE), f"{name} has no meaning"


@pytest.mark.exhaustive
def test_no_number_takes_a_word_or_a_value_out_of_all_proportion(read_settings):
    example = dict(
        re.findall(r"^([A-Z_]+)=([0-9]+(?:\.[0-9]+)?)$", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    )
    numbers = {name for name, text in example.items() if text not in ("0", "1")}
    for wrong in ("-1", "1e3", "many", "9" * 15):
        error = read_settings("DEBUG", **dict.fromkeys(example, wrong))
        assert [name for name in numbers if f"{name} is '{wrong}'; allowed is" not in error] == []


def test_example_has_the_defaults(read_settings):
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    settings_alone = (
        "CONN_MAX_AGE",
        "HSTS_SECONDS",
        "LOG_LEVEL",
        "BEHIND_TLS_PROXY",
    )  # parts of others
    names = sorted(set(example) - set(settings_alone))
    assert read_settings(*names) == read_settings(*names, **example)


def test_an_embedded_installation_is_open_and_without_tls(read_settings):
    found = read_settings("RECSYS_OPEN_API", "HTTPS", "RECSYS_TEST_ENDPOINTS", "DEBUG")
    assert found == {"RECSYS_OPEN_API": True, "HTTPS": False, "RECSYS_TEST_ENDPOINTS": False, "DEBUG": False}


def test_an_installation_with_a_database_server_is_closed_and_behind_tls(read_settings):
    names = ("RECSYS_OPEN_API", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "DEBUG")
    assert read_settings(*names, **PRODUCTION) == {
        "RECSYS_OPEN_API": False,
        "SECURE_SSL_REDIRECT": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "DEBUG": False,
    }


def test_database_server_requires_a_secret_key(read_settings):
    error = read_settings("DEBUG", DATABASE_URL=PRODUCTION["DATABASE_URL"])
    assert "SECRET_KEY is not set, and DATABASE_URL is: set it to at least 50 random characters." in error
    error = read_settings("DEBUG", **PRODUCTION, CASINO_ROLES="1")
    assert "CASINO_ROLE_SECRET is not set, and CASINO_ROLES is on" in error


def run(*arguments, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env={**kept, **environment}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("command", [("manage.py", "casino", "list"), ("-m", "recsys_project.wsgi")])
def test_wrong_values_end_every_process_with_a_line_each_and_no_traceback(command):
    ran = run(
        *command, API_REQUESTS_AT_ONCE="abc", LOG_LEVEL="LOUD", DATABASE_URL="garbage:secret", DATABSE_URL="x",
        SECRET_KEY="k",
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines() == [
        "The variable DATABSE_URL is not one of this service's: do you mean DATABASE_URL?",
        "DATABASE_URL has a wrong value (not shown: it may be secret); allowed is "
        "postgres://user:password@host:port/database, with special characters percent-encoded.",
        "API_REQUESTS_AT_ONCE is 'abc'; allowed is a whole number from 0 to 2147483647.",
        "LOG_LEVEL is 'LOUD'; allowed is one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
    ]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (("manage.py", "casino", "list"), {}),
        (("-m", "recsys_project.wsgi"), {"DATABSE_URL": PRODUCTION["DATABASE_URL"]}),
    ],
)
def test_forgotten_database_url_is_an_error_and_starts_no_embedded_server(command, variables, tmp_path):
    ran = run(*command, LOCAL_DIR=str(tmp_path / "local"), **variables)
    assert ran.returncode == 1
    assert "DATABASE_URL is not set: set it to postgres://" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert ("do you mean DATABASE_URL?" in ran.stderr) is bool(variables)
    assert not (tmp_path / "local").exists()


@pytest.mark.exhaustive
def test_further_servers_and_sockets_are_read(read_settings):
    found = read_settings(
        "DATABASE_SERVERS", "DATABASES",
        **PRODUCTION | {"DATABASE_URL": "postgresql://u@%2Frun%2Fpostgresql:5433/catalogue"},
        DATABASE_SERVER_EAST_URL="postgres://a:p%40@pooler:6432/postgres",
        DATABASE_SERVER_EAST_DIRECT_URL="postgres://a@east/postgres",
        DATABASE_SERVER_WEST_URL="postgres://a@west/postgres",
    )  # fmt: skip
    default = found["DATABASES"]["default"]
    assert (default["HOST"], default["PORT"], default["NAME"]) == ("/run/postgresql", 5433, "catalogue")
    east, west = found["DATABASE_SERVERS"]["east"], found["DATABASE_SERVERS"]["west"]
    assert (east["requests"]["HOST"], east["requests"]["PASSWORD"], east["direct"]["HOST"]) == ("pooler", "p@", "east")
    assert east["requests"]["DISABLE_SERVER_SIDE_CURSORS"]
    assert west["requests"] == west["direct"]


@pytest.mark.exhaustive
def test_secrets_are_read_from_files(read_settings, tmp_path):
    values = {
        "DATABASE_URL": "postgres://u:from-file@h/db",
        "DATABASE_SERVER_EAST_URL": "postgres://a:p@east/postgres",
        "SECRET_KEY": "k" * 60,
        "CASINO_ROLE_SECRET": "r" * 60,
        "METRICS_TOKEN": "token",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
    files = {f"{name}_FILE": str(tmp_path / name) for name in values}
    found = read_settings(
        "SECRET_KEY", "METRICS_TOKEN", "CASINO_ROLE_SECRET", "DATABASES", "DATABASE_SERVERS", "DATABASE_URL", **files
    )
    assert [found[name] for name in ("SECRET_KEY", "METRICS_TOKEN", "CASINO_ROLE_SECRET", "DATABASE_URL")] == [
        values[name] for name in ("SECRET_KEY", "METRICS_TOKEN", "CASINO_ROLE_SECRET", "DATABASE_URL")
    ]
    assert found["DATABASES"]["default"]["PASSWORD"] == "from-file"
    assert found["DATABASE_SERVERS"]["east"]["requests"]["HOST"] == "east"
    assert "EMBEDDED" not in read_settings("DEBUG", **files | {"SECRET_KEY_FILE": "/missing"})


def test_direct_url_without_its_server_is_an_error(read_settings):
    error = read_settings("DEBUG", **PRODUCTION, DATABASE_SERVER_EAST_DIRECT_URL="postgres://a@east/postgres")
    assert "DATABASE_SERVER_EAST_DIRECT_URL is set without DATABASE_SERVER_EAST_URL: set both." in error


@pytest.mark.exhaustive
def test_stakes_of_currencies_are_settable_and_exact(read_settings):
    found = read_settings("DEFAULT_STAKES", DEFAULT_STAKES="jpy=1500, BTC=0.00020000")
    assert found == {"DEFAULT_STAKES": {"JPY": "1500", "BTC": "0.00020000"}}
    for wrong in ("JPY", "JPY=0", "JPY=0.000", "JPY=-5", "¥=1500", "BTC=0.000000001"):
        assert (
            f"DEFAULT_STAKES is '{wrong}'; allowed is currencies with stakes above 0, like JPY=1500"
            in read_settings("DEBUG", DEFAULT_STAKES=wrong)
        )


@pytest.mark.exhaustive
def test_settings_of_earlier_releases_that_are_still_set_are_reported():
    ran = run("manage.py", "check", **PRODUCTION, SPORTS="FOOTBALL", GENDERS="")
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (
        0, "SPORTS is no longer read: list them in each casino's options.catalogue instead.",
    )  # fmt: skip
    assert "GENDERS" not in ran.stderr


def test_a_deployment_passes_djangos_checks():
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env={**os.environ, **PRODUCTION, "SECRET_KEY": "".join(map(chr, range(40, 110)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_an_unknown_address_is_answered_in_json(client, db):
    response = client.get("/nothing/here")
    assert response.status_code == 404
    assert response.json()["error"] == "Not found: /nothing/here"
