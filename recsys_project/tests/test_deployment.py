"""The shipped ways to run an installation: image, docker-compose, systemd units, and the documents."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from ingestion.topics import TOPICS

PROJECT = Path(settings.BASE_DIR)
UNITS = sorted((PROJECT / "deploy" / "systemd").iterdir())
PROGRAMS = "/opt/recsys/.venv/bin/"


def granian_options(text):
    """The options of granian's command line in a text, except those that depend on the place."""
    [command] = re.findall(r"granian recsys_project\.asgi:application[^`\n]*", text.replace("\\\n", " "))
    options = set(re.findall(r"--[a-z0-9-]+(?: [^-\s]\S*)?", command))
    return {option for option in options if not option.startswith(("--host", "--port", "--backlog", "--log-config"))}


def image_command():
    [words] = re.findall(r"^CMD \[(.*?)\]", (PROJECT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    return " ".join(re.findall(r'"([^"]*)"', words))


def commands_of(unit):
    return [shlex.split(line) for line in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)]


@pytest.mark.parametrize("path", ["README.md", "docs/operations.md", "deploy/systemd/recsys-web.service"])
def test_web_server_is_started_with_the_images_options_everywhere(path):
    expected = granian_options(image_command())
    assert "--respawn-failed-workers" in expected  # without it, one killed worker ends the web server
    assert granian_options((PROJECT / path).read_text()) == expected


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_commands_of_the_units_exist_and_accept_their_options(unit):
    for program, *arguments in commands_of(unit):
        assert program.startswith(PROGRAMS)
        if arguments[0] != "manage.py":
            continue
        for topic in TOPICS if "%i" in arguments[1] else ("",):
            name = arguments[1].replace("%i", topic)
            command = load_command_class(get_commands()[name], name)
            command.create_parser("manage.py", name).parse_args(arguments[2:])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_units_are_valid(tmp_path):
    for unit in UNITS:
        text = re.sub(rf"{PROGRAMS}\w+", sys.executable, unit.read_text()).replace("/opt/recsys", str(PROJECT))
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@", "@events")) for unit in UNITS]
    shutil.copy(tmp_path / "recsys-consume@.service", tmp_path / "recsys-consume@events.service")
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names], capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    lines = [line for line in ran.stderr.splitlines() if "recsys-" in line]
    assert lines == []
    assert ran.returncode == 0, ran.stderr


def test_compose_with_a_login_for_kafka_changes_all_services_of_this_image_and_knows_its_variables():
    base, login = (
        yaml.safe_load((PROJECT / name).read_text())
        for name in ("docker-compose.yml", "docker-compose.kafka-login.yml")
    )
    own = {name for name, service in base["services"].items() if service["image"] == "recsys"}
    dummies = {f"produce_{topic}" for topic in ("events", "coupons", "users", "odds", "impressions")}
    assert own - dummies == set(login["services"])
    known = set(re.findall(r"^#?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    for service in login["services"].values():
        assert {name.removesuffix("_FILE") for name in service["environment"]} <= known
        assert set(service["secrets"]) == set(login["secrets"])
        files = {value for name, value in service["environment"].items() if name.endswith("_FILE")}
        assert files == {f"/run/secrets/{name}" for name in service["secrets"]}


@pytest.mark.covered
@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_has_its_consumer_in_compose_and_as_a_unit(topic):
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    program, path, command, *options = services[f"consume_{topic}"]["command"]
    assert (program, path, command) == ("python", "manage.py", f"consume_{topic}")
    assert options == ["--heartbeat", "/tmp/heartbeat"]  # the probe of the service reads it
    for name in ("docs/operations.md", "deploy/systemd/recsys-consume@.service"):
        assert f"recsys-consume@{topic}" in (PROJECT / name).read_text()
    assert f"consume_{topic}" in (PROJECT / "README.md").read_text()


def test_compose_passes_every_variable_that_its_database_script_reads():
    script = (PROJECT / "docker-compose.postgres.sh").read_text()
    compose = (PROJECT / "docker-compose.yml").read_text()
    [service] = re.findall(r"^  postgres:\n((?:    .*\n|\n)+)", compose, re.MULTILINE)
    read = set(re.findall(r"\$\{?([A-Z_]+)", script))
    assert read == {"CASINO_ROLES", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
    assert read <= set(re.findall(r"^      ([A-Z_]+):", service, re.MULTILINE))
    assert "docker-compose.postgres.sh:/docker-entrypoint-initdb.d/" in service
    assert "postgres://recsys:" in compose  # the role that the script creates
