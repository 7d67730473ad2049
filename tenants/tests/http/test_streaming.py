"""Streamed answers by the real handlers: what makes the chunks runs for the casino of the request, to its very end."""

import asyncio
import gc
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.http import HttpResponse

from tenants.current_casino import CurrentCasino
from tenants.http.streaming import bind_stream
from tenants.lifecycle.create import create_casino
from tenants.routing.connections import connection_metrics
from tenants.routing.context import find_current_casino, use_casino
from tenants.tests import streaming_views
from tenants.tests.casino_rows import User, make_user
from tenants.tests.http_requests import Answer, ask_asgi, ask_wsgi
from tenants.tests.streaming_views import closed

pytestmark = [
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
    pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning"),  # Django's
]


@pytest.fixture
def casinos(real_databases: None, settings: Any) -> list[Any]:
    """Two casinos with three users of equal keys."""
    settings.ROOT_URLCONF = streaming_views.__name__
    closed.clear()
    made = [create_casino(name) for name in ("A", "B")]
    for casino in made:
        with use_casino(casino.current):
            for key in range(1, 4):
                make_user(f"{casino.name}{key}", id=key)
    return made


def by_wsgi(asked: Any, **options: Any) -> list[Answer]:
    """Asks one after the other, from one thread."""
    return [ask_wsgi(WSGIHandler(), f"/{path}", casino.pk, **options) for path, casino in asked]


def by_asgi(asked: Any, **options: Any) -> list[Answer]:
    """Asks all at once, from tasks whose database work is done in one thread."""

    async def ask_all() -> list[Answer]:
        handler = ASGIHandler()
        async with ThreadSensitiveContext():
            try:
                return await asyncio.gather(
                    *(ask_asgi(handler, f"/{path}", casino.pk, **options) for path, casino in asked)
                )
            finally:
                await sync_to_async(connections.close_all)()

    return asyncio.run(ask_all())


BOTH = pytest.mark.parametrize("ask", [by_wsgi, by_asgi])


@BOTH
def test_chunks_are_of_the_casino_that_was_asked(casinos, ask):
    for path in ("rows", "rows_async", "lazy"):
        answers = ask([(path, casino) for casino in casinos * 2])
        assert [answer.text for answer in answers] == ["A1;A2;A3;", "B1;B2;B3;"] * 2
    assert find_current_casino() is None


@BOTH
def test_chunks_that_fail_are_cleared_up_for_their_casino(casinos, ask):
    for path in ("failing", "failing_async"):
        answers = ask([(path, casino) for casino in casinos])
        gc.collect()
        assert all(answer.is_cut for answer in answers)
        assert not any("A" in answers[1].text or "B" in answers[0].text for answer in answers)
    assert sorted(casino.id for casino in closed) == sorted(casino.pk for casino in casinos * 2)
    assert connection_metrics().in_use == 0


@BOTH
def test_makers_of_chunks_are_closed_for_their_casino_when_the_asker_hangs_up(casinos, ask):
    for path in ("rows", "rows_async", "with_block_inside_async"):
        ask([(path, casino) for casino in casinos], at_most=1)
    assert sorted(casino.id for casino in closed) == sorted(casino.pk for casino in casinos * 3)
    assert connection_metrics().in_use == 0


@BOTH
def test_block_inside_a_maker_of_chunks_holds_from_chunk_to_chunk(casinos, ask):
    for path in ("with_block_inside", "with_block_inside_async"):
        answers = ask([(path, casino) for casino in casinos])
        assert [answer.text for answer in answers] == ["100;100;100;0;"] * 2
    assert [casino.id for casino in closed] == [casino.pk for casino in casinos * 2]


@BOTH
def test_chunks_that_nobody_asked_for_are_closed_for_their_casino(casinos, ask):
    ask([("never_begun", casinos[0])])
    assert [casino.id for casino in closed] == [casinos[0].pk]


@BOTH
def test_file_is_sent_as_it_is(casinos, ask):
    [answer] = ask([("file", casinos[0])])
    assert answer.text.startswith('"""Streamed answers')


def test_streams_taken_in_turns_keep_their_casinos(casinos):
    handler: Any = WSGIHandler()
    answers: list[Any] = []
    for casino in casinos:
        environ: Any = {"PATH_INFO": "/rows", "HTTP_CASINO_ID": str(casino.pk)}
        setup_testing_defaults(environ)
        answers.append(handler(environ, lambda *_: None))
    chunks = [chunk for turn in zip(*answers, strict=True) for chunk in turn]
    assert b"".join(chunks) == b"A1;B1;A2;B2;A3;B3;"
    for answer in answers:
        answer.close()
    assert connection_metrics().in_use == 0


def test_server_side_cursor_keeps_its_connection_when_its_casino_is_left(casinos):
    with use_casino(casinos[0].current):
        users = User.objects.order_by("id").iterator(chunk_size=1)
        assert next(users).name == "A1"
    with use_casino(casinos[1].current):
        assert [user.name for user in User.objects.order_by("id").iterator(chunk_size=1)] == ["B1", "B2", "B3"]
        assert next(users).name == "A2"
    with use_casino(casinos[0].current):
        assert User.objects.count() == 3
    assert [user.name for user in users] == ["A3"]


def test_answer_that_is_no_stream_is_left_as_it_is():
    response = HttpResponse("text")
    with use_casino(CurrentCasino(id=901, db_name="casino_901")):
        bind_stream(response)
    assert response.content == b"text"
