"""docs/api.md is true: it has all error codes, and its examples run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from recommendations.api.error_codes import ERROR_CODES
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino
from tenants.tests.api_clients import make_key

TEXT = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
SERVICE = "http://127.0.0.1:8000"


def test_every_code_stands_in_the_docs_with_its_status_and_meaning():
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \| .* \| .+ \|$", TEXT, re.MULTILINE)
    assert listed == [(code, str(error.status)) for code, error in ERROR_CODES.items()]


def _examples(language):
    return re.findall(rf"^```{language}\n(.+?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_the_examples_run(live_server, casino_a, settings):
    settings.RECSYS_OPEN_API = False
    with use_casino(casino_a.current):
        UserFactory.create(id=31)
        EventFactory.create_batch(5)
    environment = {**os.environ, "API_KEY": make_key(casino_a).text}
    commands = [["bash", "-ec", each] for each in _examples("bash")]
    commands += [[sys.executable, "-c", each] for each in _examples("python")]
    assert len(commands) == 10
    for command in commands:
        command[-1] = command[-1].replace(SERVICE, live_server.url)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert ran.stdout
