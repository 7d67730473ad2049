"""Freezes a PostgreSQL server: it sends nothing, while the kernel still accepts connections and packets."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postmaster.pid").read_text().split()[0]))


@contextmanager
def frozen(data_dir: Path) -> Iterator[None]:
    """Stop all processes of the server in `data_dir`, and resume them at the end of the block."""
    first = postmaster(data_dir)
    first.suspend()  # stopped first, so that it starts no more children
    processes = [*first.children(), first]
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
