"""The commands of docs/tutorial.md, run in a shell as a reader types them, against the service that they start.

A block of text after a block of commands is what they print: these lines in this order, `..` for anything. What follows
a message through Kafka is in a block ```bash eventually, which is run again until it prints that.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings

from tenants.tests.waiting import PATIENCE_SECONDS

from .forked_commands import function

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.no_cover]

TEXT = (Path(settings.BASE_DIR) / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"^```bash( eventually)?\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)

# The tests run in a virtual environment already, so the Makefile does not make one; the rest of it runs.
MAKE = f'make() {{ command make -o .venv/runtime BIN={Path(sys.executable).parent} "$@"; }}\n'


@dataclass(frozen=True)
class Block:
    commands: str
    printed: str
    is_repeated: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        pieces = [piece for line in self.printed.splitlines() for piece in line.split("..")]
        return re.compile(".*".join(re.escape(piece.strip()) for piece in pieces), re.DOTALL)

    @property
    def is_possible(self) -> bool:
        return "kcat " not in self.commands or shutil.which("kcat") is not None


class Shell:
    """Runs blocks one after the other; what one exports, the next one has."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment, self._exported = environment, folder / "exported"
        self._exported.touch()
        self._functions = ""

    @contextmanager
    def forking(self) -> Iterator[None]:
        """In this block each `./manage.py` is forked from a process that has its imports: they took half of the test's
        processor time."""
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # the path of a socket has 104 bytes at most
            socket = Path(folder) / "commands"
            command = [sys.executable, "-m", "demo.tests.forked_commands", str(socket)]
            with subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self._environment, stdout=subprocess.PIPE
            ) as process:
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline() == b"ready\n"
                    self._functions = function(socket)
                    yield
                finally:
                    process.terminate()

    def run(self, commands: str) -> str:
        script = f"set -eo pipefail\n. {self._exported}\n{self._functions}{commands}\nexport -p > {self._exported}\n"
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=settings.BASE_DIR,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"{commands}\n{ran.stdout}"
        return ran.stdout

    def check(self, block: Block) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not block.pattern.search(printed := self.run(block.commands)):
            assert block.is_repeated, f"{block.commands}\nprints\n{printed}"
            assert time.monotonic() < deadline, f"{block.commands}\nprints in the end\n{printed}"
            time.sleep(1)  # a command takes more of the processor than what it waits for


def blocks() -> list[Block]:
    return [Block(commands, printed, bool(repeated)) for repeated, commands, printed in BLOCK.findall(TEXT)]


@contextmanager
def started(commands: str, environment: dict[str, str], folder: Path) -> Iterator[str]:
    """The output of the service at its start. It is stopped as by Ctrl-C."""
    out = folder / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", MAKE + commands],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Press Ctrl-C" not in out.read_text():
            assert process.poll() is None, out.read_text()
            assert time.monotonic() < deadline, out.read_text()
            time.sleep(0.1)
        yield out.read_text()
    finally:
        subprocess.run(["kill", "-INT", "--", f"-{process.pid}"], check=False)
        process.wait(PATIENCE_SECONDS)
    assert "Stopped." in out.read_text()


def dashboard(printed: str, path: str) -> str:
    """A page of the dashboard, with the printed login."""
    found = re.search(r"(http://\S+)/ +\(login (\S+), password (\S+)\)", printed)
    assert found, printed
    address, name, password = found.groups()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with browser.open(address + path) as response:
        form = response.read().decode()
        place = response.url
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token, form
    fields = {"username": name, "password": password, "csrfmiddlewaretoken": token[1], "next": path}
    with browser.open(place, urlencode(fields).encode()) as response:
        return str(response.read().decode())


def test_the_commands_of_the_tutorial_do_what_it_says(environment, tmp_path, await_none_left):
    start, *others = blocks()
    with started(start.commands, environment, tmp_path) as printed:
        shell = Shell(environment, tmp_path)
        shell.run("".join(re.findall(r"^  (?:cd|export) .*\n", printed, re.MULTILINE)))
        possible = [block for block in others if block.is_possible]
        commands = next(number for number, block in enumerate(possible) if "./manage.py" in block.commands)
        for block in possible[: commands + 1]:
            shell.check(block)
        with shell.forking():
            for block in possible[commands + 1 :]:
                shell.check(block)
        page = dashboard(printed, "/casinos/1/")
        assert "Northern Lights" in page
    await_none_left()


def test_all_blocks_of_the_tutorial_are_run():
    assert len(blocks()) + len(re.findall(r"\n```text", TEXT)) == len(re.findall(r"^```.+", TEXT, re.MULTILINE))
    assert sum("kcat " in block.commands for block in blocks()) == 1
