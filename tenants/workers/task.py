"""Runs one task, and returns its result or its error."""

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
_EXPECTED = (TenancyError, CommandError, OperationalError)  # their message needs no traceback

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TaskResult(Generic[Task, Result]):
    """A task's result or error, and its duration `seconds`. The error's first line names the exception."""

    task: Task
    result: Result | None
    error: str
    seconds: float


Notify = Callable[[Any], None]  # sends a message to the parent process
# Entered once in each process, yields the function that runs a task.
OpenWork = Callable[[Notify], AbstractContextManager[Callable[[Task], Result]]]


def run_task(work: Callable[[Task], Result], task: Task) -> TaskResult[Task, Result]:
    started = time.perf_counter()
    try:
        result = work(task)
    except Exception as error:  # a task may raise any exception, and must not stop the others
        if not isinstance(error, _EXPECTED):
            logger.exception("Task %s failed", task)
        return TaskResult(task, None, describe_error(error), time.perf_counter() - started)
    finally:
        close_old_connections()  # a broken connection must not fail the next task too
    return TaskResult(task, result, "", time.perf_counter() - started)


def describe_error(error: BaseException) -> str:
    """The exception's name and message, shortened for a report."""
    return f"{type(error).__name__}: {str(error).strip()}"[:_ERROR_LENGTH]
