"""A small site of one casino's rows, for traffic: one URL for each view, which reads, writes or fails.

All casinos' users have the same keys, and the casino's id in their name; a response has the names that the view read.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path

from tenants.routing.connections import casino_atomic
from tenants.routing.context import get_current_casino, use_casino

from .casino_rows import User, new_user

KEYS = range(1, 6)
UNDONE = "UNDONE"  # the surname in failing transactions
_executor = ThreadPoolExecutor(4, thread_name_prefix="traffic")


class Stumble(Exception):
    """Raised by views that fail."""


def name_in(casino_id: int) -> str:
    return f"OF CASINO {casino_id}"


def read(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse(_names(), safe=False)


def read_and_fail(request: HttpRequest) -> HttpResponseBase:
    _names()
    raise Stumble


def read_elsewhere(request: HttpRequest) -> HttpResponseBase:
    """Rows read by another thread, and rows of a queryset made by another thread."""
    casino = get_current_casino()

    def read() -> Any:
        with use_casino(casino):
            return _names(), User.objects.all()

    names, users = _executor.submit(read).result()
    return JsonResponse([*names, users.get(pk=KEYS[0]).name], safe=False)


def write(request: HttpRequest) -> HttpResponseBase:
    with casino_atomic():
        _written_for(request).save()
        User.objects.filter(pk__in=KEYS).update(surname="SEEN")
    return read(request)


def write_and_fail(request: HttpRequest) -> HttpResponseBase:
    with casino_atomic():
        _written_for(request, surname=UNDONE).save()
        User.objects.filter(pk__in=KEYS).update(surname=UNDONE)
        raise Stumble


async def read_async(request: HttpRequest) -> HttpResponseBase:
    """Rows read by several tasks, of which one fails."""
    users = User.objects.filter(pk__in=KEYS)
    found = await asyncio.gather(users.aget(pk=KEYS[0]), _fail_async(), users.order_by("pk").afirst())
    return JsonResponse([found[0].name, found[2].name, *[user.name async for user in users]], safe=False)


def _names() -> list[str]:
    return [user.name for user in User.objects.filter(pk__in=KEYS)]


def _written_for(request: HttpRequest, **changes: Any) -> Any:
    """A new user, named after the casino in the header instead of the current one."""
    return new_user(name_in(int(request.headers["Casino-ID"])), **changes)


async def _fail_async() -> None:
    try:
        await User.objects.aget(pk=-1)
    except User.DoesNotExist:
        return


VIEWS: dict[Any, int] = {  # view -> weight
    read: 50,
    read_and_fail: 5,
    read_elsewhere: 5,
    write: 15,
    write_and_fail: 5,
    read_async: 20,
}
urlpatterns = [path(view.__name__, view) for view in VIEWS]
