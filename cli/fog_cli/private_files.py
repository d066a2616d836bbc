"""Files that are for their owner alone, and folders that one process at a time changes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fog_cli.errors import CommandError

PRIVATE: Final = 0o600


def write_private(file: Path, text: str, mode: int = PRIVATE) -> None:
    """Write a file as a whole or not at all, with its mode from the beginning on.

    Raises:
        CommandError: It cannot be written.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CommandError(f"{file} cannot be written: {error}") from None


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Keep others that ask for the same from changing a folder's files meanwhile: of two at once, one would be lost.

    Raises:
        OSError: There is no such folder, or it cannot be opened.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
