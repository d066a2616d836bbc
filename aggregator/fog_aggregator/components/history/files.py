"""The files of a history, beside the checkpoints: a file for each block, and a journal of the steps since the last.

A block is written beside, synced, renamed and the directory synced, so that it is whole or not there. A step is
appended to the journal and synced at once: a power failure costs no step before the checkpoint's. Damaged files are
renamed to `….corrupt`, and the newest three are kept; a step that a full disk took in part is cut off again. The owner
of the state directory's lock owns these files.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from fog_aggregator.components.checkpoints.private import open_private
from fog_aggregator.history.records import Journal, LoadedBlock, RecordError, read_records
from fog_aggregator.history.step import Step

LOGGER: Final = logging.getLogger("fog_aggregator")
KEPT_ASIDE: Final = 3
_BLOCK, _JOURNAL, _SUFFIX, _BESIDE, _ASIDE = "block-", "journal-", ".fog", ".tmp", ".corrupt"


class HistoryFiles:
    """The files in one directory. Not thread-safe.

    Args:
        directory: It is made when it is missing.
        on_damage: Called for each file that is set aside.

    Attributes:
        damaged: Whether a file was set aside.

    Raises:
        OSError: the directory cannot be made.
    """

    def __init__(self, directory: Path, on_damage: Callable[[], object]) -> None:
        self._directory = directory
        self._on_damage = on_damage
        self.damaged = False
        self._journal: tuple[Journal, IO[bytes], Path] | None = None
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left_over in directory.glob(f"*{_BESIDE}"):
            left_over.unlink(missing_ok=True)

    def blocks(self) -> Iterator[LoadedBlock]:
        """Read all blocks, oldest first."""
        for file in sorted(self._directory.glob(f"{_BLOCK}*{_SUFFIX}")):
            for record in self._read(file):
                if isinstance(record, LoadedBlock):
                    yield record

    def steps(self) -> Iterator[Step]:
        """Read the steps of all journals, oldest first."""
        for file in sorted(self._directory.glob(f"{_JOURNAL}*{_SUFFIX}")):
            for record in self._read(file):
                if isinstance(record, Step):
                    yield record

    def append(self, step: Step) -> None:
        """Append a step to the journal, and sync it. Blocks.

        Raises:
            OSError: it is not written, or not as a whole; the next step begins another journal.
        """
        try:
            if self._journal is None:
                path = self._directory / f"{_JOURNAL}{step.time:015d}{_SUFFIX}"
                self._journal = (Journal(), open_private(path), path)
            journal, file, path = self._journal
            size = file.tell()
            try:
                _write_all(file, journal.records(step))
                os.fdatasync(file.fileno())
            except OSError:
                _cut(path, size)
                raise
        except BaseException:
            self.close()
            raise

    def write_block(self, span: tuple[int, int], data: bytes) -> None:
        """Write a block. Blocks.

        Args:
            span: The times of its first and last step, milliseconds.
            data: Its bytes.

        Raises:
            OSError: nothing was written.
        """
        final = self._block(span)
        beside = final.with_suffix(_BESIDE)
        try:
            with open_private(beside) as file:
                _write_all(file, data)
                os.fsync(file.fileno())
            beside.replace(final)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        self._sync()

    def remove_journals(self) -> None:
        """Remove the journals: blocks have their steps."""
        self.close()
        for journal in self._directory.glob(f"{_JOURNAL}*{_SUFFIX}"):
            _remove(journal)

    def remove(self, span: tuple[int, int]) -> None:
        """Remove a block; it is no error when it is gone."""
        _remove(self._block(span))

    def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            journal, self._journal = self._journal, None
            with contextlib.suppress(OSError):
                journal[1].close()

    def _block(self, span: tuple[int, int]) -> Path:
        return self._directory / f"{_BLOCK}{span[0]:015d}-{span[1]:015d}{_SUFFIX}"

    def _read(self, file: Path) -> Iterator[Step | LoadedBlock]:
        """Read a file as far as it is whole; a damaged one is set aside once that is read."""
        try:
            yield from read_records(file.read_bytes())
        except (RecordError, OSError) as error:
            aside = file.with_suffix(_ASIDE)
            LOGGER.warning("history %s is not used from the damage on: %s; it is kept as %s", file, error, aside.name)
            self._on_damage()
            self.damaged = True
            with contextlib.suppress(OSError):
                file.replace(aside)
                for old in sorted(self._directory.glob(f"*{_ASIDE}"))[:-KEPT_ASIDE]:
                    old.unlink(missing_ok=True)

    def _sync(self) -> None:
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of some bytes: a disk that is nearly full takes a part, and says so only the next time."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _cut(path: Path, size: int) -> None:
    """Cut a file back to what is whole; remove one that has nothing."""
    with contextlib.suppress(OSError):
        if size:
            os.truncate(path, size)
        else:
            path.unlink()


def _remove(file: Path) -> None:
    """Remove a file; one that cannot be removed is read at the next start, and removed then."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        LOGGER.warning("history %s cannot be removed: %s", file, error)
