"""One task: what is done, and what came of it."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.management.base import CommandError
from django.db import OperationalError, close_old_connections

from tenants.errors import TenancyError

logger = logging.getLogger(__name__)

_ERROR_LENGTH = 1_000  # characters
_EXPECTED = (TenancyError, CommandError, OperationalError)  # their message says it all

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """What came of a task: a result, or else an error, whose first line names the exception. It took `seconds`."""

    task: Task
    result: Result | None
    error: str
    seconds: float


Tell = Callable[[Any], None]
# Opened once in each process, with what tells the parent something meanwhile; answers the function that does a task.
OpenWork = Callable[[Tell], AbstractContextManager[Callable[[Task], Result]]]


def attempt(work: Callable[[Task], Result], task: Task) -> Done[Task, Result]:
    started = time.perf_counter()
    try:
        result = work(task)
    except Exception as error:  # a task may raise anything, and the others must go on
        if not isinstance(error, _EXPECTED):
            logger.exception("Task %s failed", task)
        return Done(task, None, describe(error), time.perf_counter() - started)
    finally:
        close_old_connections()  # one that broke must not fail the next task too
    return Done(task, result, "", time.perf_counter() - started)


def describe(error: BaseException) -> str:
    """An error as a report has it: short, the first line naming the exception."""
    return f"{type(error).__name__}: {str(error).strip()}"[:_ERROR_LENGTH]
