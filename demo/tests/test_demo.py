"""The demo command, run as a child process on its own embedded PostgreSQL and broker."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from demo import steps
from demo.errors import DemoFailed
from demo.processes import Processes, log_path
from tenants.tests.server_process import run_python
from tenants.tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

SHOWN = (
    "Aurora Casino",
    "Borealis Bets",
    "Cascade Sportsbook",
    "inference_score",
    " @ ",
    "prices of Cascade Sportsbook move",
    "Users want the events of `personal` more than those of `popular`",
)
FORKED = """
import multiprocessing.forkserver, os, signal
import django
django.setup()
from demo.processes import Processes, log_path
from ingestion.kafka.embedded_broker import running_embedded_broker
from tenants.tests.waiting import wait_until

NAME = "run_embedded_broker"

with Processes({}) as processes:
    processes.manage(NAME)
    processes._running[NAME].kill()
    wait_until(processes.exited)
    processes.restart_killed()
    wait_until(running_embedded_broker)
    assert processes.exited() == []
    with Processes({}) as others:
        others.manage(NAME)
        wait_until(others.exited)
        print(log_path(NAME).read_text(), end="")
assert running_embedded_broker() is None

server = multiprocessing.forkserver._forkserver._forkserver_pid
assert os.getsid(server) == server  # no signal to this process's group or terminal reaches it
with Processes({}) as processes:
    processes.manage(NAME)
    wait_until(running_embedded_broker)
    os.kill(server, signal.SIGKILL)
    wait_until(processes.exited)
wait_until(lambda: running_embedded_broker() is None)
"""
AS_A_BACKGROUND_JOB = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # starts with SIGINT ignored


def demo(*arguments):
    return [sys.executable, "manage.py", "demo", *arguments]


def recommendations_counted(base_url):
    """The sum of the counter of requests for recommendations, by one of the web workers."""
    with urllib.request.urlopen(f"{base_url}/metrics", timeout=120) as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("recsys_recommendations_served_total{"))


@pytest.mark.exhaustive
def test_two_demos_store_every_coupon_once_although_a_consumer_is_killed(
    environment, tmp_path, left_running, await_none_left
):
    """The first ends by itself, the second by Ctrl-C."""
    log = tmp_path / "local" / "logs" / "consume_coupons.log"
    with started(tmp_path / "first", not_measured(environment), "--check") as process:
        while not log.exists() or " messages: " not in log.read_text():
            assert process.poll() is None
            time.sleep(0.01)
        writer_of(log, left_running()).kill()
        assert process.wait(300) == 0, (tmp_path / "first").read_text()
    assert_shown("all valid", *SHOWN, out=tmp_path / "first")
    await_none_left()

    with started(tmp_path / "second", environment) as process:
        try:
            await_line("Press Ctrl-C to stop", tmp_path / "second", process)
            assert [counts_of_coupons(tmp_path, casino_id) for casino_id in (1, 2, 3)] == ["t|t|t"] * 3
            commands = (tmp_path / "second").read_text().splitlines()
            assert_answered_and_counted(next(line for line in commands if "curl" in line).split())
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
    assert_shown("Stopped.", "password", *SHOWN, out=tmp_path / "second")
    assert " stored" not in log.read_text()  # the second run found the first one's rows
    assert "duplicate" in log.read_text()
    await_none_left()


def not_measured(environment):
    """One demo is enough for the coverage, which takes as much time as what it measures."""
    return {name: value for name, value in environment.items() if name != "COVERAGE_PROCESS_CONFIG"}


@contextmanager
def started(out, environment, *arguments):
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*AS_A_BACKGROUND_JOB, *demo("--port", "0", *arguments)],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=file,
            stderr=file,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def writer_of(log, processes):
    [writer] = [each for each in processes if writes_to(log, each)]
    return writer


def writes_to(log, process):
    try:
        return os.path.samefile(f"/proc/{process.pid}/fd/1", log)
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return False


def assert_shown(*words, out):
    printed = out.read_text()
    for word in words:
        assert word in printed


def await_line(line, out, process):
    deadline = time.monotonic() + 300
    while line not in out.read_text():
        assert time.monotonic() < deadline, out.read_text()
        assert process.poll() is None, out.read_text()
        time.sleep(0.2)


def counts_of_coupons(folder, casino_id):
    """Whether there are coupons, none is missing (their ids are 1, 2, 3, ..), and each is counted once, as "t|t|t"."""
    sql = (
        "SELECT count(*) > 1000, count(*) = max(id), count(*) = (SELECT sum(coupon_count) FROM users_profile) "
        "FROM purchased_coupons"
    )
    pid, _, _, _, sockets, *_ = (folder / "local" / "postgres" / "postmaster.pid").read_text().splitlines()
    psql = Path(psutil.Process(int(pid)).exe()).with_name("psql")
    command = [psql, "-h", sockets, "-U", "postgres", "-d", f"casino_{casino_id}", "-tAc", sql]
    return subprocess.check_output(command, text=True).strip()


def assert_answered_and_counted(curl):
    """The printed command is answered, and both web workers count its answer."""
    request = urllib.request.Request(curl[-1], headers={"Casino-ID": curl[3].strip("'")})
    with urllib.request.urlopen(request, timeout=120) as response:
        assert response.status == 200
    base_url = curl[-1].partition("/recommend")[0]
    counted = {recommendations_counted(base_url) for _ in range(20)}
    assert counted == {max(counted)}  # whichever worker answers
    assert max(counted) > 1


@pytest.mark.parametrize(
    "variable", ["DATABASE_URL", pytest.param("KAFKA_BOOTSTRAP_SERVERS", marks=pytest.mark.exhaustive)]
)
def test_demo_rejects_external_servers(environment, variable):
    value = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}.get(variable, "127.0.0.1:1")
    ran = subprocess.run(
        demo("--check"),
        cwd=settings.BASE_DIR,
        env={**environment, variable: value, "SECRET_KEY": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "runs on embedded servers only" in ran.stderr


def test_exited_child_is_reported_with_its_log(settings, tmp_path):
    settings.LOCAL_DIR = tmp_path
    with Processes({}) as processes:
        processes.start("consume_nothing", sys.executable, "-c", "raise SystemExit('no such topic')")
        while not processes.exited():
            time.sleep(0.05)
        with pytest.raises(DemoFailed, match=r"consume_nothing has exited; see .*consume_nothing\.log"):
            steps.check_alive(processes)
    assert "no such topic" in log_path("consume_nothing").read_text()


def test_killed_child_is_restarted(settings, tmp_path):
    settings.LOCAL_DIR = tmp_path
    with Processes({}) as processes:
        processes.start("sleeper", sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)")
        processes._running["sleeper"].kill()
        while not processes.exited():
            time.sleep(0.05)
        steps.check_alive(processes)
        assert processes.exited() == []


def test_children_are_stopped_when_the_block_ends(settings, tmp_path):
    settings.LOCAL_DIR = tmp_path
    with Processes({}) as processes:
        processes.start("sleeper", sys.executable, "-c", "import time; time.sleep(60)")
        sleeper = processes._running["sleeper"]
        assert isinstance(sleeper, subprocess.Popen)
    assert not psutil.pid_exists(sleeper.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_child_is_stopped_whose_start_was_interrupted(settings, tmp_path, number):
    settings.LOCAL_DIR = tmp_path
    sleepers = []

    def start():
        sleepers.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        signal.raise_signal(number)
        return sleepers[0]

    with pytest.raises(KeyboardInterrupt), Processes({}) as processes:
        processes._add("sleeper", start)
    assert sleepers[0].returncode == -signal.SIGTERM


def test_a_forked_command_is_restarted_reported_and_stopped(environment, await_none_left):
    """Even if the process that it was forked from is killed."""
    printed = run_python("-c", FORKED, env={**environment, "EMBEDDED_POSTGRES": "1"}, timeout=2 * PATIENCE_SECONDS)
    assert re.fullmatch(r"CommandError: An embedded broker of this installation already runs on .*\n", printed)
    await_none_left()


def test_patience_ends_without_progress_and_not_with_time():
    seconds = iter(range(0, 10_000, 50))
    patience = steps.Patience(lambda: next(seconds))
    assert not any(patience.has_ended(done) for done in range(20))  # 1,000 seconds or more
    assert [patience.has_ended(20) for _ in range(4)] == [False, False, True, True]
