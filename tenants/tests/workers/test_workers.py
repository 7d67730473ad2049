import multiprocessing
import os
import time
from functools import partial

import pytest
from django.db import connections

from tenants.errors import WorkersFailed
from tenants.tests.waiting import wait_until
from tenants.tests.worker_tasks import starting_once, unable_to_start, working
from tenants.workers.worker_pool import workers

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]

FAILING = ["one", "fail", "two", "three"]
FAILED = {
    "one": "one done",
    "fail": "ValueError: what failed\nand why",
    "two": "two done",
    "three": "three done",
}


def _outcomes(tasks, jobs, on_message=print, work=working):
    with workers(work, jobs=jobs, on_message=on_message) as run:
        return _results(run(tasks))


def _results(done):
    return {each.task: each.result or each.error for each in done}


def _until_failure(seen):
    for number in range(100):
        if "fail" in seen:
            return
        yield "fail" if number == 3 else f"task {number}"


def _noting_ahead(tasks, seen, ahead):
    for number, task in enumerate(tasks):
        ahead.append(number - len(seen))
        yield task


def test_exception_fails_its_task_alone_and_its_first_line_names_it(caplog, capfd):
    assert _outcomes(FAILING, 1) == FAILED
    assert "Traceback" in caplog.text + capfd.readouterr().err


def test_message_of_a_task_reaches_the_listener():
    heard: list[str] = []
    _outcomes(["notify"], 1, heard.append)
    assert heard == ["message of notify"]


def test_one_job_uses_the_settings_and_databases_of_this_process(casino_a, settings):
    settings.CASINO_DATABASE_PREFIX = "changed_"
    assert [*_outcomes(["look"], 1).values()] == [("changed_", connections["default"].settings_dict["NAME"], 1)]


def test_next_task_is_taken_only_after_the_last_result_was_consumed():
    seen: list[str] = []
    with workers(working, jobs=1, on_message=print) as run:
        seen.extend(done.task for done in run(_until_failure(seen)))
    assert seen == ["task 0", "task 1", "task 2", "fail"]


@pytest.mark.exhaustive
def test_two_processes_share_the_work_and_do_it_as_one_does(casino_a, settings, caplog, capfd):
    """One test for all properties, since processes take a second to start."""
    settings.CASINO_DATABASE_PREFIX = "changed_"
    heard: list[str] = []
    with workers(working, jobs=2, on_message=heard.append) as run:
        pids: set[int | None] = set()

        def have_both_started():
            pids.update(done.result for done in run(["pid", "pid"]))
            return len(pids) == 2

        wait_until(have_both_started, else_say="one process works alone")
        assert os.getpid() not in pids

        assert _results(run(FAILING)) == FAILED
        assert "Traceback" in caplog.text + capfd.readouterr().err

        _results(run(["notify"]))
        assert heard == ["message of notify"]

        [(prefix, name, count)] = _results(run(["look"])).values()
        assert (prefix, name) == ("changed_", connections["default"].settings_dict["NAME"])
        assert count == 0  # this test's casino is in a transaction of its own process

        seen: list[str] = []
        ahead: list[int] = []  # tasks that were taken and not seen yet, whenever one is taken
        seen.extend(done.task for done in run(_noting_ahead(_until_failure(seen), seen, ahead)))
        assert "fail" in seen
        assert max(ahead) == 1

        tasks = [f"task {number}" for number in range(6)]
        outcomes = _results(run(["die", *tasks]))
        assert outcomes.pop("die") == "ProcessEnded: the worker process was killed by SIGKILL"
        assert outcomes == {task: f"{task} done" for task in tasks}
    assert multiprocessing.active_children() == []


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
