"""Uses connections, forks, and lets parent and children query at the same time.

Prints as JSON the server processes that answered the parent before and after the fork, and each child.
"""

import gc
import json
import os
import sys
import threading
from typing import Any

import django
from django.db import connections

from tenants.current_casino import CurrentCasino
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

CHILDREN, ROUNDS = 2, 30


def backend_of(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def backends(casinos: list[CurrentCasino]) -> set[int]:
    """The backends of the catalogue and of each casino."""
    answered = {backend_of(connections["default"])}
    for casino in casinos:
        with use_casino(casino, switch=True):
            answered.add(backend_of(casino_connection()))
    return answered


def query(casinos: list[CurrentCasino]) -> list[int]:
    answered: set[int] = set()
    for _ in range(ROUNDS):
        answered |= backends(casinos)
        gc.collect()  # collecting the parent's connections must not close them
    return sorted(answered)


def hold(casino: CurrentCasino, has_it: threading.Event, may_end: threading.Event) -> None:
    """A thread that has a connection at the fork. It does not exist in the children."""
    with use_casino(casino):
        casino_connection().ensure_connection()
        has_it.set()
        may_end.wait(120)


def fork(casinos: list[CurrentCasino]) -> tuple[int, int]:
    """The child's process id, and the pipe with its result."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, json.dumps(query(casinos)).encode())
        sys.exit()
    os.close(writing)
    return pid, reading


def main() -> None:
    django.setup()
    from tenants.models import Casino

    casinos = [casino.current for casino in Casino.objects.order_by("pk")]
    has_it, may_end = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(casinos[0], has_it, may_end))
    holder.start()
    has_it.wait(120)
    try:
        sys.stdout.write(json.dumps(use_and_fork(casinos)))  # the test reads it
    finally:
        may_end.set()
        holder.join()
        connections["default"].close()


def use_and_fork(casinos: list[CurrentCasino]) -> dict[str, Any]:
    before = backends(casinos)
    with use_casino(casinos[0]):
        casino_connection().ensure_connection()  # this thread has one checked out at the fork
        children = [fork(casinos) for _ in range(CHILDREN)]
        meanwhile = query(casinos)
        seen = [json.loads(os.read(reading, 65_536)) for _, reading in children]
        statuses = [os.waitpid(pid, 0)[1] for pid, _ in children]
        after = {*meanwhile, *backends(casinos)}
    return {"before": sorted(before), "after": sorted(after), "seen": seen, "statuses": statuses}


main()
