"""The state file of an agent: the last readings of totals that live outside of its process, replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from fog_agent.core.outside_totals import FamilyKey, OutsideTotals, TotalsError
from fog_agent.core.writer import Encoded
from fog_schema.paths import Path as TreePath
from fog_schema.paths import format_path
from utilityfog_frontend.telemetry.foreign.readings import LastReadings
from utilityfog_frontend.telemetry.model import Labels
from utilityfog_frontend.telemetry.support.files import replace_file
from utilityfog_frontend.telemetry.support.fork import renew_after_fork

log = logging.getLogger("fog_agent")

MAX_BYTES: Final = 64 * 1024 * 1024
LOCK_PATIENCE: Final = 1.0
"""Seconds in which the lock may become free: one that is being stopped still has it."""


class StateDirError(RuntimeError):
    """The state directory cannot be used; the text says what to do."""


class StateFile:
    """One path's readings in a state directory, which belong to one agent at a time. Not thread-safe.

    Args:
        directory: the state directory; made, for its owner alone, when it is missing.
        path: the agent's place in the tree.
        failed: called each time that it could not be written.

    Attributes:
        readings: what was remembered when it was opened.
        orphaned: it came from a parent process.
        close: lets another agent have the file; it is called when nobody holds this any more.

    Raises:
        StateDirError: another agent has the file, or the directory cannot be used. Blocks for a second at most.
    """

    def __init__(self, directory: Path, path: TreePath, failed: Callable[[], None]) -> None:
        digest = hashlib.sha256(format_path(path).encode()).hexdigest()[:16]
        self._file = directory / f"totals-{'.'.join(path)[:100]}-{digest}"
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _locked(self._file.with_name(self._file.name + ".lock"))
            self.close: Callable[[], object] = weakref.finalize(self, os.close, lock)
        except BlockingIOError:
            raise StateDirError(
                f"{self._file}: another agent has it, and two would count the same totals; give each its own path or "
                "state directory, or end the other one"
            ) from None
        except OSError as error:
            raise StateDirError(f"{directory}: cannot keep an agent's state: {error.strerror}") from error
        self.orphaned = False
        renew_after_fork(self)
        self._totals, self.readings = self._load()
        self._failed = failed
        self._failing = False
        self._remembered: Encoded | None = None

    def renew(self) -> None:
        """In a forked child: it is the parent's, whose lock goes with the parent."""
        self.orphaned = True
        self.close()

    def forget(self, series: Iterable[tuple[FamilyKey, Labels]]) -> None:
        """Forget some readings with the next frame."""
        self._totals.forget(series)

    def remember(self, frame: Encoded) -> None:
        """Remember the readings that a frame stands on; when it returns they are on the disk. Blocks. Never raises.

        A frame that is sent again is remembered already.
        When they cannot be written the file is removed: to know nothing loses what happens while the agent is away,
        to know what is outdated would count it again.
        """
        if frame is self._remembered:
            return
        self._remembered = frame
        self._totals.take(frame.marks, completes=frame.completes)
        try:
            replace_file(self._file, self._totals.chunks(), 0o600)
            self._sync()
        except OSError as error:
            self._failed()
            if not self._failing:
                log.warning("%s cannot be written: %s; until it can, a restart begins anew", self._file, error)
            self._failing = True
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
        else:
            self._failing = False

    def _load(self) -> tuple[OutsideTotals, LastReadings]:
        try:
            with self._file.open("rb") as file:
                return OutsideTotals.decode(file.read(MAX_BYTES))  # a longer one is damaged then
        except FileNotFoundError:
            return OutsideTotals(), {}
        except TotalsError as error:
            aside = self._file.with_name(self._file.name + ".damaged")
            log.warning("%s is not used: %s; it is kept as %s", self._file, error, aside.name)
            self._file.replace(aside)
            return OutsideTotals(), {}
        except OSError as error:
            self.close()
            raise StateDirError(f"{self._file}: cannot be read: {error.strerror}; make it readable") from error

    def _sync(self) -> None:
        directory = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _locked(path: Path) -> int:
    """Open and lock a file; return its descriptor.

    Raises:
        BlockingIOError: it stayed locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    patient_until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not isinstance(error, BlockingIOError) or time.monotonic() > patient_until:
                os.close(descriptor)
                raise
            time.sleep(0.02)
        else:
            return descriptor
