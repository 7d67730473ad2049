"""The demo command, run as a child process on its own embedded PostgreSQL and broker."""

import signal
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest
from django.conf import settings

from demo import steps
from demo.errors import DemoFailed
from demo.processes import Processes, log_path

pytestmark = pytest.mark.slow

AS_A_BACKGROUND_JOB = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # starts with SIGINT ignored


def demo(*arguments):
    return [sys.executable, "manage.py", "demo", *arguments]


def recommendations_counted(base_url):
    """The sum of the counter of requests for recommendations, by one of the web workers."""
    with urllib.request.urlopen(f"{base_url}/metrics", timeout=120) as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("recsys_recommendations_served_total{"))


@pytest.mark.exhaustive
@pytest.mark.no_cover
def test_check_passes_twice_and_stores_every_coupon_once_although_a_consumer_is_killed(
    environment, tmp_path, left_running
):
    log = tmp_path / "local" / "logs" / "consume_coupons.log"
    with check(environment) as process:
        while not log.exists() or " messages: " not in log.read_text():
            assert process.poll() is None
            time.sleep(0.01)
        [consumer] = [each for each in left_running() if "consume_coupons" in each.cmdline()]
        consumer.kill()
        assert_table_is_shown(process)
    for casino_id in ("1", "2", "3"):
        assert once_and_complete(environment, casino_id) == "t|t|t"

    with check(environment) as process:
        assert_table_is_shown(process)
    assert " stored" not in log.read_text()  # the second run found the first one's rows
    assert "duplicate" in log.read_text()
    assert left_running() == []


def check(environment):
    return subprocess.Popen(
        demo("--check", "--port", "0"),
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def assert_table_is_shown(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    for word in (
        "Aurora Casino",
        "Borealis Bets",
        "Cascade Sportsbook",
        "inference_score",
        "all valid",
        " @ ",
        "prices of Cascade Sportsbook move",
        "Users want the events of `personal` more than those of `popular`",
    ):
        assert word in out


def once_and_complete(environment, casino_id):
    """Whether there are coupons, none is missing (their ids are 1, 2, 3, ..), and each is counted once, as "t|t|t"."""
    sql = (
        "SELECT count(*) > 1000, count(*) = max(id), count(*) = (SELECT sum(coupon_count) FROM users_profile) "
        "FROM purchased_coupons"
    )
    command = [sys.executable, "manage.py", "dbshell", "--casino", casino_id, "--", "-tAc", sql]
    return subprocess.check_output(command, cwd=settings.BASE_DIR, env=environment, text=True).strip()


@pytest.mark.exhaustive
def test_demo_runs_until_ctrl_c_and_prints_commands_to_try(environment, tmp_path, left_running):
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*AS_A_BACKGROUND_JOB, *demo("--port", "0")],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=file,
            stderr=file,
        )
    try:
        deadline = time.monotonic() + 300
        while "Press Ctrl-C to stop" not in out.read_text():
            assert time.monotonic() < deadline, out.read_text()
            assert process.poll() is None, out.read_text()
            time.sleep(0.2)
        printed = out.read_text()
        curl = next(line for line in printed.splitlines() if "curl" in line).split()
        request = urllib.request.Request(curl[-1], headers={"Casino-ID": curl[3].strip("'")})
        with urllib.request.urlopen(request, timeout=120) as response:
            assert response.status == 200
        base_url = curl[-1].partition("/recommend")[0]
        counted = {recommendations_counted(base_url) for _ in range(20)}
        assert counted == {max(counted)}  # whichever worker answers
        assert max(counted) > 1
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    assert "Stopped." in out.read_text()
    assert "password" in printed
    assert left_running() == []


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
        pid = processes._running["sleeper"].pid
    assert not psutil.pid_exists(pid)


def test_patience_ends_without_progress_and_not_with_time():
    seconds = iter(range(0, 10_000, 50))
    patience = steps.Patience(lambda: next(seconds))
    assert not any(patience.has_ended(done) for done in range(20))  # 1,000 seconds or more
    assert [patience.has_ended(20) for _ in range(4)] == [False, False, True, True]
