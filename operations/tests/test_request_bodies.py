"""The memory for all bodies that are being read is bounded, whichever of them crosses the limit."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from operations.request_bodies import BodyReader, BodyTooSlow

ENVIRON = {"REQUEST_METHOD": "POST", "HTTP_AUTHORIZATION": "Api-Key x"}
TURNS = 10  # of the event loop, more than any step takes


class Body:
    """A body that is being read, and whose chunks a test sends."""

    def __init__(self, reader: BodyReader) -> None:
        self._chunks: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.task = asyncio.create_task(reader.read(ENVIRON, self._chunks.get))

    def send(self, size: int, *, is_last: bool = False) -> None:
        self._chunks.put_nowait({"type": "http.request", "body": b"x" * size, "more_body": not is_last})

    async def is_rejected(self) -> bool:
        await turns()
        return self.task.done() and isinstance(self.task.exception(), BodyTooSlow)


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@contextmanager
def bodies(count: int) -> Iterator[list[Body]]:
    reader = BodyReader()
    started = [Body(reader) for _ in range(count)]
    try:
        yield started
    finally:
        for body in started:
            body.task.cancel()


@pytest.fixture(autouse=True)
def _limits(settings) -> None:
    settings.REQUEST_BODY_BYTES, settings.REQUEST_BODIES_BYTES = 1_000, 3_000
    settings.REQUEST_BODY_SECONDS = settings.REQUEST_BODY_IDLE_SECONDS = 60


def test_oldest_body_that_crosses_the_limit_itself_is_rejected():
    async def run() -> None:
        with bodies(4) as (oldest, *others):
            await turns()
            for body in others:
                body.send(950)
            await turns()
            oldest.send(500)
            assert await oldest.is_rejected()
            assert not any(body.task.done() for body in others)

    asyncio.run(run())


def test_body_that_makes_room_while_its_next_chunk_arrives_is_rejected():
    async def run() -> None:
        with bodies(4) as (oldest, *others):
            await turns()
            for body in (oldest, *others[:2]):
                body.send(900)
            await turns()
            others[2].send(900)
            oldest.send(50)  # in the same turn of the event loop
            assert await oldest.is_rejected()
            for body in others:
                body.send(1, is_last=True)
            assert [len(await body.task) for body in others] == [901] * 3

    asyncio.run(run())


def test_body_that_alone_is_above_the_limit_of_all_is_rejected(settings):
    settings.REQUEST_BODIES_BYTES = 500

    async def run() -> None:
        with bodies(1) as [body]:
            await turns()
            body.send(600)
            assert await body.is_rejected()

    asyncio.run(run())
