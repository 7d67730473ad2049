"""Streamed answers outlive the request's context: their chunks are made for the casino that was current."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.http.response import FileResponse, HttpResponseBase, StreamingHttpResponse


def bind_stream(response: HttpResponseBase) -> None:
    """Let a streaming response's chunks be made, and what makes them be closed, in the context of here and now; does
    nothing to any other response.

    The connection that they use goes back when the response is closed.
    """
    if not isinstance(response, StreamingHttpResponse) or _is_file(response):
        return
    context = copy_context()
    # The view's own iterator, not `streaming_content`, which would hide it from being closed.
    content: Any = response._iterator  # type: ignore[attr-defined]
    closers: list[Callable[[], None]] = response._resource_closers  # type: ignore[attr-defined]
    closers[:] = [partial(context.run, close) for close in closers]
    if response.is_async:
        chunks = _chunks_async(context, content)
        closers.append(partial(_close, chunks))  # Django leaves that to the garbage collector
        response.streaming_content = chunks
    else:
        response.streaming_content = _chunks(context, content)


def _is_file(response: StreamingHttpResponse) -> bool:
    """Servers may send a file in their own way, as long as nothing is wrapped around it."""
    return isinstance(response, FileResponse) and response.file_to_stream is not None


@async_to_sync
async def _close(chunks: AsyncGenerator[Any, None]) -> None:
    await chunks.aclose()


def _chunks(context: Context, content: Iterator[Any]) -> Iterator[Any]:
    end = object()
    while (chunk := context.run(next, content, end)) is not end:
        yield chunk


async def _chunks_async(context: Context, content: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    end = object()

    async def next_chunk() -> Any:
        return await anext(content, end)

    try:
        while (chunk := await asyncio.create_task(next_chunk(), context=context)) is not end:
            yield chunk
    finally:
        if (close := getattr(content, "aclose", None)) is not None:
            await asyncio.create_task(close(), context=context)
