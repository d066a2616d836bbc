"""Checkpoint files: written as a whole or not at all, the last two kept, a damaged one set aside.

A checkpoint of a later version of the program is never touched: this program refuses to start beside it. A damaged one
is renamed to `….corrupt` for people to look at, and the newest three of these are kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, Self, TypeVar

from fog_aggregator.components.checkpoints.aside import Writing, WritingThread
from fog_aggregator.components.checkpoints.child import WritingChild
from fog_aggregator.components.checkpoints.directory import CheckpointDirectory, StateDirError
from fog_aggregator.core.checkpoint import Image, LaterVersionError, Writable
from fog_aggregator.core.checkpoint_keeper import CheckpointKeeper

T = TypeVar("T")

LOCK_PATIENCE: Final = 5.0
"""Seconds in which the lock may become free: a child that an aggregator forked just before it was killed lets go of it
as the first thing it does, which takes its time on a busy machine."""


class CheckpointFiles:
    """The checkpoints in one directory, which belongs to one aggregator at a time. Making it blocks.

    Args:
        path: The directory.

    Raises:
        StateDirError: The directory cannot be made or written, another aggregator has it (for five seconds), or a
            checkpoint in it is of a later version. Then nothing has been written.
    """

    def __init__(self, path: Path) -> None:
        self._directory = CheckpointDirectory(path)
        self._keeper = CheckpointKeeper(self._directory)
        self._lock: IO[bytes] | None = None
        try:
            with _no_later_version():
                self._keeper.refuse_later_versions()  # before the lock's file is made
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (path / "lock").open("ab")
            _acquire(self._lock)
        except BlockingIOError:
            self.close()
            raise StateDirError(f"{path}: another aggregator uses it; give each its own state directory") from None
        except OSError as error:
            raise StateDirError(f"{path}: cannot be used for checkpoints: {error.strerror}") from error

    def load(self, use: Callable[[Image], T]) -> T | None:
        """Return the result of `use` for the newest checkpoint that is undamaged and that it can use; None without any.

        One that is damaged, or that `use` cannot decode, is set aside with a word in the log.

        Raises:
            StateDirError: A checkpoint cannot be read, or is of a later version; nothing has been renamed or written.
        """
        with _no_later_version():
            found = self._keeper.load(use)
        self._directory.remove_unfinished()
        return found

    def save(self, image: Writable) -> int:
        """Write a checkpoint and remove all but the last two; return its size in bytes. Blocks.

        Raises:
            OSError: Nothing was replaced.
        """
        return self._keeper.save(image)

    def begin(self, take: Callable[[], Image], *, is_small: bool = False) -> Writing:
        """As `save`, beside all else: the state as `take` returns it now.

        Args:
            take: Returns the state.
            is_small: It is packed at once, and a thread writes it; else a forked child does both.

        Raises:
            OSError: There could be no child, or a small state cannot be packed.
        """
        if is_small:
            return WritingThread.of(take, self.save)
        return WritingChild(lambda: self.save(take()), self._directory)

    def close(self) -> None:
        """Let another aggregator have the directory."""
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _acquire(file: IO[bytes]) -> None:
    """Lock a file; raise BlockingIOError when it stays locked. Blocks."""
    patient_until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > patient_until:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def _no_later_version() -> Iterator[None]:
    try:
        yield
    except LaterVersionError as error:
        raise StateDirError(
            f"{error}: start the program that wrote it, or a later one, or give this one another state directory with "
            "--state-dir"
        ) from error
