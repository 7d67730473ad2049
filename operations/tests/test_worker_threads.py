"""Each thread that a request took is free again, also if it could not be started or nobody waits for its response."""

import asyncio
import threading
from typing import Any

import pytest

from operations.worker_threads import WorkerThreads
from tenants.tests.unstartable_threads import no_new_threads
from tenants.tests.waiting import PATIENCE_SECONDS, wait_until

GET = {"REQUEST_METHOD": "GET"}


def respond(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]


def test_threads_that_could_not_be_started_are_tried_again():
    async def run() -> None:
        threads = WorkerThreads(respond, 2)
        with no_new_threads():
            for _ in range(3):
                with pytest.raises(RuntimeError, match="can't start new thread"):
                    await threads.run(GET)
        for _ in range(3):
            assert (await asyncio.wait_for(threads.run(GET), PATIENCE_SECONDS)).body == b"x"

    asyncio.run(run())


def test_thread_of_a_request_that_was_cancelled_as_it_came_is_the_next_ones():
    is_released = threading.Event()

    def wait_and_respond(environ, start_response):
        is_released.wait(PATIENCE_SECONDS)
        return respond(environ, start_response)

    async def run() -> None:
        threads = WorkerThreads(wait_and_respond, 1)
        first = asyncio.create_task(threads.run(GET))
        waiting = asyncio.create_task(threads.run(GET))
        await asyncio.sleep(0)
        loop: Any = asyncio.get_running_loop()
        is_released.set()
        wait_until(lambda: loop._ready)  # the thread has told the event loop that it is free
        loop.call_soon(waiting.cancel)  # in the turn in which it becomes the waiting one's, before that goes on
        await first
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await asyncio.wait_for(threads.run(GET), PATIENCE_SECONDS)).body == b"x"

    asyncio.run(run())
