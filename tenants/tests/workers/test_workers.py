import multiprocessing
import os
import time
from functools import partial

import pytest
from django.db import connections

from tenants.errors import WorkersFailed
from tenants.tests.worker_tasks import starting_once, unable_to_start, working
from tenants.workers.worker_pool import workers

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]

# A process takes a second to start. Where it makes no difference, one and two processes must agree.
one_and_two_jobs = pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.exhaustive)])


def _outcomes(tasks, jobs, on_message=print, work=working):
    with workers(work, jobs=jobs, on_message=on_message) as run:
        return {done.task: done.result or done.error for done in run(tasks)}


@one_and_two_jobs
def test_exception_fails_its_task_alone_and_its_first_line_names_it(jobs, caplog, capfd):
    outcomes = _outcomes(["one", "fail", "two", "three"], jobs)
    assert outcomes == {
        "one": "one done",
        "fail": "ValueError: what failed\nand why",
        "two": "two done",
        "three": "three done",
    }
    assert "Traceback" in caplog.text + capfd.readouterr().err


@one_and_two_jobs
def test_message_of_a_task_reaches_the_listener(jobs):
    heard: list[str] = []
    _outcomes(["notify"], jobs, heard.append)
    assert heard == ["message of notify"]


@one_and_two_jobs
def test_every_process_gets_the_changed_settings_and_databases(casino_a, jobs, settings):
    settings.CASINO_DATABASE_PREFIX = "changed_"
    [(prefix, name, count)] = _outcomes(["look"], jobs).values()
    assert (prefix, name) == ("changed_", connections["default"].settings_dict["NAME"])
    assert count == (1 if jobs == 1 else 0)  # this test's casino is in a transaction of its own process


@one_and_two_jobs
def test_next_task_is_taken_only_after_the_last_result_was_consumed(jobs):
    seen: list[str] = []

    def until_failure():
        for number in range(100):
            if "fail" in seen:
                return
            yield "fail" if number == 3 else f"task {number}"

    with workers(working, jobs=jobs, on_message=print) as run:
        seen.extend(done.task for done in run(until_failure()))
    assert "fail" in seen
    assert len(seen) <= 3 + jobs


@pytest.mark.exhaustive
def test_work_is_shared_by_several_processes():
    pids: set[int | None] = set()
    with workers(working, jobs=2, on_message=print) as run:
        for _ in range(40):
            pids.update(done.result for done in run(["pid", "pid"]))
            if len(pids) == 2:
                break
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert multiprocessing.active_children() == []


@pytest.mark.exhaustive
def test_killed_process_fails_its_task_alone_and_is_replaced():
    outcomes = _outcomes(["die", *(f"task {number}" for number in range(6))], jobs=2)
    assert outcomes.pop("die") == "ProcessEnded: the worker process was killed by SIGKILL"
    assert outcomes == {f"task {number}": f"task {number} done" for number in range(6)}


@pytest.mark.exhaustive
def test_processes_that_do_not_start_raise_workers_failed(capfd):
    with pytest.raises(WorkersFailed, match="or use --jobs 1"):
        _outcomes(["one"], 2, work=unable_to_start)


@pytest.mark.exhaustive
def test_replacement_that_does_not_start_ends_the_work_after_the_failure_was_yielded(tmp_path, capfd):
    seen: list[str] = []
    work = partial(starting_once, tmp_path / "started")
    with workers(work, jobs=2, on_message=print) as run, pytest.raises(WorkersFailed):
        seen.extend(done.task for done in run(["die", "one"]))
    assert seen == ["die"]


@pytest.mark.exhaustive
def test_interruption_stops_the_processes():
    def interrupted():
        yield "one"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), workers(working, jobs=2, on_message=print) as run:
        list(run(interrupted()))
    assert multiprocessing.active_children() == []


@pytest.mark.exhaustive
def test_process_still_working_after_an_interruption_is_stopped():
    def interrupted():
        yield "notify"
        yield "sleep"
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), workers(working, jobs=2, on_message=print) as run:
        list(run(interrupted()))
    assert multiprocessing.active_children() == []
    assert time.monotonic() - began < 60
