"""A directory of checkpoints: each is a file, written as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import Final

from fog_aggregator.components.checkpoints.private import open_private
from fog_aggregator.core.checkpoint import CheckpointError, Writable

LOGGER: Final = logging.getLogger("fog_aggregator")
_DIGITS: Final = 12
_ANY_NUMBER: Final = "[0-9]" * _DIGITS
_PREFIX, _SUFFIX, _BESIDE, _ASIDE = "checkpoint-", ".fog", ".tmp", ".corrupt"


class StateDirError(Exception):
    """The state directory cannot be used; the text says what to do."""


class CheckpointDirectory:
    """A `CheckpointStore` in a directory. One that is set aside is renamed to `….corrupt`.

    Args:
        path: The directory.

    Attributes:
        still_wanted: Asked before a file that was written gets its name.
    """

    def __init__(self, path: Path) -> None:
        self.still_wanted: Callable[[], bool] = lambda: True
        self._path = path

    def numbers(self, *, aside: bool = False) -> list[int]:
        """Return the numbers of those in use, or of those set aside, in ascending order."""
        suffix = _ASIDE if aside else _SUFFIX
        digits = (file.stem.removeprefix(_PREFIX) for file in self._path.glob(f"{_PREFIX}{_ANY_NUMBER}{suffix}"))
        return sorted(number for one in digits if (number := int(one)))

    def name(self, number: int) -> str:
        """Name one by its path."""
        return str(self._file(number))

    def read(self, number: int, most: int = -1) -> bytes:
        """Return the bytes of one, or the first of them. A disk's error is damage.

        Raises:
            CheckpointError: The disk cannot read it.
            StateDirError: Anything else is wrong, which says nothing about the file.
        """
        file = self._file(number)
        try:
            with file.open("rb") as opened:
                return opened.read(most)
        except OSError as error:
            if error.errno == errno.EIO:
                raise CheckpointError(f"the disk cannot read it: {error.strerror}") from error
            text = f"{file}: cannot be read: {error.strerror}; make it readable, or move it away"
            raise StateDirError(text) from error

    def write(self, number: int, image: Writable) -> int:
        """Write one beside, sync it, rename it, sync the directory; return its size in bytes. Blocks.

        Whenever the process or the machine stops, the newest file with the right name is whole.

        Raises:
            OSError: Nothing was replaced.
        """
        final = self._file(number)
        beside = final.with_suffix(f".{os.getpid()}{_BESIDE}")
        with contextlib.ExitStack() as failing:  # whatever it fails of, also what cannot be packed: no file stays
            failing.callback(beside.unlink, missing_ok=True)
            with BufferedWriter(open_private(beside)) as file:
                size = sum(file.write(chunk) for chunk in image.chunks())
                file.flush()
                os.fsync(file.fileno())
            if not self.still_wanted():
                raise InterruptedError("nobody wants it any more")
            beside.replace(final)
            failing.pop_all()
        self._sync()
        return size

    def set_aside(self, number: int, why: CheckpointError) -> None:
        """Rename a damaged one, with a word in the log."""
        file = self._file(number)
        aside = file.with_suffix(_ASIDE)
        LOGGER.warning("checkpoint %s is not used: %s; it is kept as %s", file, why, aside.name)
        with contextlib.suppress(OSError):
            file.replace(aside)

    def remove(self, number: int, *, aside: bool = False) -> None:
        """Remove one; it is no error when it is gone already."""
        self._file(number).with_suffix(_ASIDE if aside else _SUFFIX).unlink(missing_ok=True)

    def remove_unfinished(self, writer: int | None = None) -> None:
        """Remove what a process that was killed has left, or any; the process by its id."""
        for left_over in self._path.glob(f"{_PREFIX}*{_BESIDE}" if writer is None else f"{_PREFIX}*.{writer}{_BESIDE}"):
            left_over.unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._path / f"{_PREFIX}{number:0{_DIGITS}d}{_SUFFIX}"

    def _sync(self) -> None:
        directory = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
