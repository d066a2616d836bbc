"""Checkpoint files: written as a whole or not at all, the last two kept, a damaged one set aside.

A large state takes seconds to write, and reading must not stop for them. So a forked child writes: it has the state as
it was at that moment, by copy on write, and the parent goes on after some milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import select
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, NoReturn, Self, TypeVar

from fog_aggregator.core.checkpoint import CheckpointError, Image, read_image

T = TypeVar("T")

LOGGER: Final = logging.getLogger("fog_aggregator")
KEPT: Final = 2
_PREFIX, _SUFFIX, _BESIDE = "checkpoint-", ".fog", ".tmp"
_PATIENCE: Final = 600.0
"""Seconds that a child may take to write."""


class StateDirError(Exception):
    """The state directory cannot be used; the text says what to do."""


class WritingChild:
    """A forked child that writes a checkpoint into `directory`."""

    def __init__(self, pid: int, reading: int, directory: Path) -> None:
        self._pid = pid
        self._reading = reading
        self._directory = directory

    async def finished(self) -> int:
        """The size in bytes, once it is written.

        Raises:
            OSError: nothing was replaced; the text is the child's.
        """
        ok, said = await asyncio.to_thread(self._hear)
        if not ok:
            raise OSError(said or "the writing process ended without a word")
        return int(said)

    def _hear(self) -> tuple[bool, str]:
        with open(self._reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor, not a path
            ready, _, _ = select.select([pipe], [], [], _PATIENCE)
            if not ready:
                os.kill(self._pid, signal.SIGKILL)
            said = pipe.read(1000) or b""
        _, status = os.waitpid(self._pid, 0)
        for left_over in self._directory.glob(f"{_PREFIX}*.{self._pid}{_BESIDE}"):  # when it was killed
            left_over.unlink(missing_ok=True)
        return os.waitstatus_to_exitcode(status) == 0, said.decode(errors="replace")


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

    def load(self, use: Callable[[Image], T]) -> T | None:
        """What `use` makes of the newest checkpoint that is whole and that it can use; None when there is none.

        `use` raises CheckpointError for one that it cannot use. Those, and damaged ones, are renamed to ``….corrupt``
        and said so.
        """
        for left_over in self._directory.glob(f"{_PREFIX}*{_BESIDE}"):
            left_over.unlink(missing_ok=True)
        for file in reversed(self._files()):
            try:
                return use(read_image(file.read_bytes()))
            except (CheckpointError, OSError) as error:
                aside = file.with_suffix(".corrupt")
                LOGGER.warning("checkpoint %s is not used: %s; it is kept as %s", file, error, aside.name)
                with contextlib.suppress(OSError):
                    file.replace(aside)
        return None

    def save(self, image: Image, still_wanted: Callable[[], bool] = lambda: True) -> int:
        """Write a checkpoint and remove all but the last two; return its size in bytes. Blocks.

        Written beside, synced, renamed, the directory synced, and only then are older ones removed: whenever the
        process or the machine stops, the newest file with the right name is whole.

        Args:
            image: the state and the positions.
            still_wanted: asked before the file gets its name.

        Raises:
            OSError: nothing was replaced.
        """
        files = self._files()
        number = _number(files[-1]) + 1 if files else 1
        final = self._directory / f"{_PREFIX}{number:012d}{_SUFFIX}"
        beside = final.with_suffix(f".{os.getpid()}{_BESIDE}")
        with (
            contextlib.ExitStack() as failing
        ):  # whatever it fails of, also what cannot be packed: no file stays behind
            failing.callback(beside.unlink, missing_ok=True)
            with beside.open("wb") as file:
                size = sum(file.write(chunk) for chunk in image.chunks())
                file.flush()
                os.fsync(file.fileno())
            if not still_wanted():
                raise InterruptedError("nobody wants it any more")
            beside.replace(final)
            failing.pop_all()
        self._sync()
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return size

    def begin(self, take: Callable[[], Image]) -> WritingChild:
        """As `save`, in a forked child, where `take` is called: the state as it is now.

        Raises:
            OSError: there could be no child.
        """
        parent = os.getpid()
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads: the child uses nothing that they could hold
            child = os.fork()
        if child == 0:
            _write_and_exit(lambda: self.save(take(), lambda: os.getppid() == parent), writing)
        os.close(writing)
        return WritingChild(child, reading, self._directory)

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


def _write_and_exit(write: Callable[[], int], writing: int) -> NoReturn:
    """The child's life: not the parent's signals, sockets or exit handlers; one word about how it went."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(3, writing)
        os.closerange(writing + 1, 1 << 16)
        gc.disable()
        os.write(writing, str(write()).encode())
        code = 0
    except BaseException as error:  # noqa: BLE001 - a child must not go on as a second parent, whatever happens
        os.write(writing, str(error).encode()[:1000])
    finally:
        os._exit(code)


def _number(file: Path) -> int:
    digits = file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    return int(digits) if digits.isdigit() else 0
