"""Streamed answers, and a record of what became of what makes them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from tenants.current_casino import CurrentCasino
from tenants.routing.context import find_current_casino, get_current_casino, use_casino

from .casino_rows import User

closed: list[Any] = []  # the casino that was current when a maker of chunks was closed


def rows(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_rows())


def failing(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_rows(fails=True))


def never_begun(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_OfNobody())


def with_block_inside(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_chunks_of_another(get_current_casino()))


def lazy(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(f"{user.name};" for user in User.objects.order_by("id"))


def file(request: HttpRequest) -> HttpResponseBase:
    return FileResponse(open(__file__, "rb"))


async def rows_async(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_rows_async())


async def failing_async(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_rows_async(fails=True))


async def with_block_inside_async(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_chunks_of_another_async(get_current_casino()))


class _OfNobody:
    """Chunks that nobody asks for."""

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def close(self) -> None:
        closed.append(find_current_casino())


def _rows(fails: bool = False) -> Iterator[str]:
    try:
        for user in User.objects.order_by("id").iterator(chunk_size=1):
            yield f"{user.name};"
            if fails:
                raise ZeroDivisionError
    finally:
        closed.append(find_current_casino())


async def _rows_async(fails: bool = False) -> AsyncIterator[str]:
    try:
        async for user in User.objects.order_by("id").aiterator(chunk_size=1):
            yield f"{user.name};"
            if fails:
                raise ZeroDivisionError
    finally:
        closed.append(find_current_casino())


def _other(casino: CurrentCasino) -> CurrentCasino:
    return CurrentCasino(id=casino.id + 100, db_name="another")


def _chunks_of_another(casino: CurrentCasino) -> Iterator[str]:
    """What a block inside makes current stays so from chunk to chunk, and is over at its end."""
    with use_casino(_other(casino), switch=True):
        for _ in range(3):
            yield f"{get_current_casino().id - casino.id};"
    yield f"{get_current_casino().id - casino.id};"
    closed.append(find_current_casino())


async def _chunks_of_another_async(casino: CurrentCasino) -> AsyncIterator[str]:
    try:
        with use_casino(_other(casino), switch=True):
            for _ in range(3):
                yield f"{get_current_casino().id - casino.id};"
        yield f"{get_current_casino().id - casino.id};"
    finally:
        closed.append(find_current_casino())


urlpatterns = [
    path(view.__name__, view)
    for view in (
        rows,
        failing,
        never_begun,
        with_block_inside,
        lazy,
        file,
        rows_async,
        failing_async,
        with_block_inside_async,
    )
]
