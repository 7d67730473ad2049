"""Files of backups: readable by their owner only, flushed to the disk before they count, and complete or absent."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tenants.errors import BackupInvalid, CopyFailed

PARTIAL = ".partial"


@contextmanager
def new_folder(target: Path, *, content: frozenset[str]) -> Iterator[Path]:
    """Yield the new folder `<target>.partial` to fill, and rename it to `target` at the end. If the block fails, remove
    the folder. `content`: the names of all files and folders that the block creates.

    Raises BackupInvalid if `target` exists, or if a killed call's folder has other files than `content`.
    """
    if os.path.lexists(target):
        raise BackupInvalid(f"{target} already exists; name a new folder.")
    partial = target.with_name(target.name + PARTIAL)
    remove_partial(partial, content=content)
    make_private_folder(partial)
    try:
        yield partial
        sync_folder(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # the disk may be full
        raise
    sync_folder(target.parent)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write, flushed to the disk at the end of the block. Raises CopyFailed if it can't be written."""
    try:
        with open(path, "xb", opener=_private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CopyFailed(f"{path} can't be written: {error.strerror or error}.") from error


def make_private_folder(folder: Path) -> None:
    """Create the folder and its missing parents."""
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700)


def remove_partial(folder: Path, *, content: frozenset[str]) -> None:
    """Remove the files of a killed call. Raises BackupInvalid if the folder has other files than `content`."""
    others = sorted(path.name for path in folder.glob("*") if path.name not in content)
    if others:
        raise BackupInvalid(f"{folder} exists and contains {', '.join(others)}: name another folder.")
    shutil.rmtree(folder, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Flush the names in the folder to the disk. Does not open its files: another user's file, or a FIFO, may be among
    them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
