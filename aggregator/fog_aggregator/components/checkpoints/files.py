"""Checkpoint files: written as a whole or not at all, the last two kept, a damaged one set aside.

A checkpoint of a later version of the program is never touched: this program refuses to start beside it. A damaged one
is renamed to `….corrupt` for people to look at, and the newest three of these are kept.

A large state takes seconds to write, and reading must not stop for them. So a forked child writes: it has the state as
it was at that moment, by copy on write, and the parent goes on after some milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
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

from fog_aggregator.core.checkpoint import (
    START_BYTES,
    VERSION,
    CheckpointError,
    Image,
    LaterVersionError,
    check_whole,
    claimed_version,
    decoding,
    read_image,
)

T = TypeVar("T")

LOGGER: Final = logging.getLogger("fog_aggregator")
KEPT: Final = 2
KEPT_CORRUPT: Final = 3
_PREFIX, _SUFFIX, _BESIDE, _CORRUPT = "checkpoint-", ".fog", ".tmp", ".corrupt"
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
        """Wait until it is written; return its size in bytes.

        Raises:
            OSError: nothing was replaced; the text is the child's.
        """
        ok, answer = await asyncio.to_thread(self._read_answer)
        if not ok:
            raise OSError(answer or "the writing process ended without a word")
        return int(answer)

    def _read_answer(self) -> tuple[bool, str]:
        with open(self._reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor, not a path
            ready, _, _ = select.select([pipe], [], [], _PATIENCE)
            if not ready:
                os.kill(self._pid, signal.SIGKILL)
            answer = pipe.read(1000) or b""
        _, status = os.waitpid(self._pid, 0)
        for left_over in self._directory.glob(f"{_PREFIX}*.{self._pid}{_BESIDE}"):  # when it was killed
            left_over.unlink(missing_ok=True)
        return os.waitstatus_to_exitcode(status) == 0, answer.decode(errors="replace")


class CheckpointFiles:
    """The checkpoints in one directory, which belongs to one aggregator at a time.

    Raises:
        StateDirError: the directory cannot be made or written, another aggregator has it, or a checkpoint in it is of a
            later version. Then nothing has been written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: IO[bytes] | None = None
        try:
            self._refuse_later_versions()  # before the lock's file is made
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (directory / "lock").open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StateDirError(f"{directory}: another aggregator uses it; give each its own state directory") from None
        except OSError as error:
            raise StateDirError(f"{directory}: cannot be used for checkpoints: {error.strerror}") from error

    def load(self, use: Callable[[Image], T]) -> T | None:
        """Return the result of `use` for the newest checkpoint that is undamaged and that it can use; None without any.

        One that is damaged, or that `use` cannot decode, is set aside with a word in the log.

        Raises:
            StateDirError: a checkpoint cannot be read, or is of a later version; nothing has been renamed or written.
        """
        self._refuse_later_versions()
        for left_over in self._directory.glob(f"{_PREFIX}*{_BESIDE}"):
            left_over.unlink(missing_ok=True)
        for file in reversed(self._files()):
            try:
                with decoding():
                    return use(read_image(_read(file)))
            except CheckpointError as error:
                self._set_aside(file, error)
        return None

    def _refuse_later_versions(self) -> None:
        """Look at every checkpoint, not only at the newest: an earlier program may have written after a later one."""
        for file in self._files():
            try:
                if (version := claimed_version(_read(file, START_BYTES))) <= VERSION:
                    continue
                check_whole(_read(file))  # else it is damaged, and only seems to be of a later version
            except CheckpointError:
                continue
            raise StateDirError(
                f"{file}: {LaterVersionError(version)}: start the program that wrote it, or a later one, or give this "
                "one another state directory with --state-dir"
            )

    def _set_aside(self, file: Path, error: CheckpointError) -> None:
        aside = file.with_suffix(_CORRUPT)
        LOGGER.warning("checkpoint %s is not used: %s; it is kept as %s", file, error, aside.name)
        with contextlib.suppress(OSError):
            file.replace(aside)
            for old in self._files(_CORRUPT)[:-KEPT_CORRUPT]:
                old.unlink(missing_ok=True)

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
        number = max(map(_number, self._files() + self._files(_CORRUPT)), default=0) + 1
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

    def _files(self, suffix: str = _SUFFIX) -> list[Path]:
        return sorted(file for file in self._directory.glob(f"{_PREFIX}*{suffix}") if _number(file))

    def _sync(self) -> None:
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _read(file: Path, most: int = -1) -> bytes:
    """Read a checkpoint, or its first bytes. A disk's error is damage; any other one says nothing about the file."""
    try:
        with file.open("rb") as opened:
            return opened.read(most)
    except OSError as error:
        if error.errno == errno.EIO:
            raise CheckpointError(f"the disk cannot read it: {error.strerror}") from error
        raise StateDirError(f"{file}: cannot be read: {error.strerror}; make it readable, or move it away") from error


def _write_and_exit(write: Callable[[], int], writing: int) -> NoReturn:
    """Live as the child: drop the parent's signals, sockets and exit handlers, write, and answer with one word."""
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
    digits = file.stem.removeprefix(_PREFIX)
    return int(digits) if digits.isdigit() else 0
