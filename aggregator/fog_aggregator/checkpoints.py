"""Checkpoint files: written as a whole or not at all, the last two kept, a damaged one set aside."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import IO, Final, Self

from fog_aggregator.core.checkpoint import CheckpointError, Image, read_image

LOGGER: Final = logging.getLogger("fog_aggregator")
KEPT: Final = 2
_PREFIX, _SUFFIX = "checkpoint-", ".fog"


class StateDirError(OSError):
    """The state directory cannot be used; the text says what to do."""


class CheckpointFiles:
    """The checkpoints in one directory, which belongs to one aggregator at a time.

    Raises:
        StateDirError: the directory cannot be made or written, or another aggregator has it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: IO[bytes] | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (directory / "lock").open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StateDirError(f"{directory}: another aggregator uses it; give each its own state directory") from None
        except OSError as error:
            raise StateDirError(f"{directory}: cannot be used for checkpoints: {error.strerror}") from error

    def load(self) -> Image | None:
        """The newest usable checkpoint; damaged ones are renamed to ``….corrupt`` and said so."""
        for file in reversed(self._files()):
            try:
                return read_image(file.read_bytes())
            except (CheckpointError, OSError) as error:
                aside = file.with_suffix(".corrupt")
                LOGGER.warning("checkpoint %s is not used: %s; it is kept as %s", file, error, aside.name)
                with contextlib.suppress(OSError):
                    file.replace(aside)
        return None

    def save(self, image: Image) -> int:
        """Write a checkpoint and remove all but the last two; return its size in bytes. Blocks: call it in a thread.

        Written beside, synced, renamed, the directory synced, and only then are older ones removed: whenever the
        process or the machine stops, the newest file with the right name is whole.

        Raises:
            OSError: nothing was replaced.
        """
        files = self._files()
        number = _number(files[-1]) + 1 if files else 1
        final = self._directory / f"{_PREFIX}{number:012d}{_SUFFIX}"
        beside = final.with_suffix(".tmp")
        try:
            with beside.open("wb") as file:
                size = sum(file.write(chunk) for chunk in image.chunks())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(final)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        self._sync()
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return size

    def close(self) -> None:
        """Let another aggregator have the directory."""
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _files(self) -> list[Path]:
        return sorted(file for file in self._directory.glob(f"{_PREFIX}*{_SUFFIX}") if _number(file))

    def _sync(self) -> None:
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _number(file: Path) -> int:
    digits = file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    return int(digits) if digits.isdigit() else 0
