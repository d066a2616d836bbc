"""One process at a time takes a place in a directory."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PATIENCE: Final = 2.0
"""Seconds that others are waited for."""

log = logging.getLogger(__name__)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time look who receives in a directory and take a place there. Blocks for 2 s at most.

    The lock only orders agents that start at one moment. Any reader of the directory can hold it: so the wait is short.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        yield
        return
    try:
        _lock_for_a_while(lock, time.monotonic() + PATIENCE)
        yield
    finally:
        os.close(lock)


def _lock_for_a_while(lock: int, deadline: float) -> None:
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)
    log.warning("another program holds the lock of the directory of a socket: bound without it after %g s", PATIENCE)
