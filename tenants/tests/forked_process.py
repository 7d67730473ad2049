"""Waits for a forked process of a test."""

import os
import signal
import threading

SECONDS = 120


def exit_code(pid: int) -> int:
    """The exit status of the child `pid`; -n if signal n ended it. After 120 s it gets SIGABRT, at which pytest prints
    its stacks."""
    ending = threading.Timer(SECONDS, os.kill, (pid, signal.SIGABRT))
    ending.start()
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        ending.cancel()
