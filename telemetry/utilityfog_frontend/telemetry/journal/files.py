"""Journals as files: one for each process, locked for as long as it lives, with room that is taken in advance."""

import fcntl
import mmap
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from weakref import finalize

from utilityfog_frontend.telemetry.support.fork import renew_after_fork

from .layout import CELL, HEADER_BYTES, MAX_BYTES, JournalError
from .live import LiveJournal
from .reading import read

SUFFIX: Final = ".journal"
SET_ASIDE: Final = ".set-aside"
"""It is put behind the name of a journal that cannot be used, so that nobody tries it again."""
CLAIMED: Final = ".claimed"
"""It ends the name of a file whose counts a journal is to have; before it stands ~ and the journal's own name."""
UNFINISHED: Final = ".unfinished"
UNFINISHED_SECONDS: Final = 60.0
"""A file that was begun and has had no name for so long belongs to a process that was killed as it began it."""
MODE: Final = 0o660
"""The same user may end an epoch, and the same group where the umask leaves it."""

Report = Callable[[str], None]


class JournalFiles:
    """Begin the journals of a process and of its forked children in a directory.

    Args:
        directory: where they are; made when it is not there.
        report: takes what went wrong, for the log.

    Attributes:
        file: the journal of this process, once it has begun.

    Raises:
        ValueError: there is something else under this name.
    """

    def __init__(self, directory: str | os.PathLike[str], report: Report) -> None:
        self.directory = Path(directory).absolute()  # a daemon goes to another one later
        if self.directory.exists() and not self.directory.is_dir():
            raise ValueError(
                f"journal={os.fspath(directory)!r} is no directory: give one for the journals of processes"
            )
        self._report = report
        self.file: Path | None = None
        self._lock: _Lock | None = None
        self._end: finalize[..., LiveJournal] | None = None

    def __call__(self, epoch: int, now: float) -> LiveJournal | None:
        """Begin this process's journal; None, and one line in the log, when there is no room for it."""
        self._let_go()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            return self._begin(epoch, now)
        except OSError as error:
            self._report(f"there is no journal in {self.directory}, and a kill -9 loses counts: {error}")
            return None

    def _let_go(self) -> None:
        """In a forked child: the journal so far is the parent's, and so is its lock."""
        if self._end is not None:
            self._end.detach()
        if self._lock is not None:
            self._lock.release()
        self._end = self._lock = None

    def lock_again(self) -> None:
        """Lock the journal again if the program has closed all descriptors meanwhile, as a daemon does."""
        if self._lock is not None and not self._lock.lock_again():
            self._lock = None
            self._report(f"a journal in {self.directory} was closed, and taken for that of a dead process")

    def _begin(self, epoch: int, now: float) -> LiveJournal:
        name = f"{os.getpid()}-{epoch:016x}{SUFFIX}"
        path, unfinished = self.directory / name, self.directory / f"{name}{UNFINISHED}"
        # Two descriptions of one file: a map keeps the description that it was made of, also in forked children, and
        # the lock would not end with this process. So the lock is on one that no map has.
        lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            room = _Room(unfinished, self._report)
            header = room.take(HEADER_BYTES)
            identity = {"pid": os.getpid(), "host": platform.node(), "started": now}
            live = LiveJournal(header, room.grow, identity, epoch=epoch, now=now)
            own = _Lock(path, lock)
            unfinished.rename(path)  # only now, when it is locked and complete, does anybody look at it
        except BaseException:
            os.close(lock)
            with suppress(OSError):
                unfinished.unlink()
            raise
        self.file, self._lock = path, own
        self._end = finalize(live, _leave, path, own)
        return live


class _Lock:
    """The lock on a process's journal, whose descriptor others may have closed, and its number be another file's."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._file = os.fstat(descriptor)

    def lock_again(self) -> bool:
        """Lock it again if it was closed; tell whether it is locked."""
        if not _is_open(self._descriptor, self._file) and (descriptor := _lock(self._path)) is not None:
            self._descriptor = descriptor
        return _is_open(self._descriptor, self._file)

    def release(self) -> None:
        """Close it, if nobody has."""
        _close(self._descriptor, self._file)


def _is_open(descriptor: int, file: os.stat_result) -> bool:
    """Tell whether a descriptor is still of a file, and was not closed by the program."""
    try:
        return os.path.samestat(os.fstat(descriptor), file)
    except OSError:
        return False


def _close(descriptor: int, file: os.stat_result) -> None:
    if _is_open(descriptor, file):
        os.close(descriptor)


class _Room:
    """The room of one file: taken from the disk before it is mapped, so that no store can fail for want of it."""

    def __init__(self, path: Path, report: Report) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._file = os.fstat(self._descriptor)
        finalize(self, _close, self._descriptor, self._file).atexit = False
        self._report = report
        self._end = 0
        self._full = False

    def take(self, size: int) -> memoryview:
        """Make the file longer.

        Raises:
            OSError: there is no room.
        """
        if self._end + size > MAX_BYTES:
            raise OSError(f"it would have more than {MAX_BYTES} bytes")
        if not _is_open(self._descriptor, self._file):
            raise OSError("somebody has closed it")
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._descriptor, self._end, size)
        else:  # macOS
            os.pwrite(self._descriptor, bytes(size), self._end)
        mapped = mmap.mmap(self._descriptor, size, offset=self._end)
        self._end += size
        return memoryview(mapped)

    def grow(self, size: int) -> memoryview | None:
        """Make the file longer; None when there is no room, and one line in the log."""
        if self._full:
            return None
        try:
            return self.take(size)
        except OSError as error:
            self._full = True
            self._report(f"a journal cannot grow, and a kill -9 loses what finds no room in it: {error}")
            return None


def _leave(path: Path, lock: _Lock) -> None:
    """Delete the journal of a process that ends if all of it is in the stream; else the next agent takes it."""
    with suppress(OSError, JournalError):
        left = read(path.read_bytes())
        if not left.epochs and not left.file:
            path.unlink()
    lock.release()


class LeftFile:
    """The journal of a process that is dead, locked against others that would end its epochs.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        renew_after_fork(self)

    def image(self) -> bytes:
        """Return what stands in it, as far as a journal may be long.

        Raises:
            OSError: it cannot be read.
        """
        parts, at = [], 0
        while at <= MAX_BYTES and (part := os.pread(self._locked, MAX_BYTES, at)):
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def write(self, cell: int, data: bytes) -> None:
        """Write from a cell of it on.

        Raises:
            OSError: it cannot be written.
        """
        os.pwrite(self._locked, data, cell * CELL)

    def delete(self) -> None:
        """Delete it: nothing is left to be done."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Give it a name under which nobody tries it again."""
        self.path.rename(self.path.with_name(self.path.name + SET_ASIDE))

    def close(self) -> None:
        """Let others have it."""
        # Nobody may fork between the two: the child would close what has got the same number since.
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def renew(self) -> None:
        """In a forked child: the lock is the parent's."""
        self.close()

    def __del__(self) -> None:
        self.close()  # whoever was to take it was cancelled

    @property
    def _locked(self) -> int:
        if self._descriptor is None:
            raise OSError("a journal was read after it was closed, or in a forked child")
        return self._descriptor


def claim_of(journal: Path) -> str:
    """Return what ends the names of the files whose counts a journal is to have."""
    return f"~{journal.stem}{CLAIMED}"


def file_counted(path: Path) -> Path | None:
    """Return the file whose counts the journal of a dead process has, and which may still be there.

    An empty path stands for none, as for a journal that is there no more: whoever ended its epochs has removed the
    file. None while its process lives, or another one deals with it.
    """
    descriptor = _lock(path)
    if descriptor is None:
        return None if path.exists() else Path()
    left = LeftFile(path, descriptor)
    try:
        return Path(read(left.image()).file)
    except JournalError:  # nobody will count what it has
        return Path()
    finally:
        left.close()


def left_files(directory: Path) -> Iterator[LeftFile]:
    """Lock and yield the journals of dead processes, each once; its taker closes it.

    Raises:
        OSError: the directory cannot be read.
    """
    for path in sorted(directory.iterdir()):
        if path.name.endswith(SUFFIX) and (descriptor := _lock(path)) is not None:
            yield LeftFile(path, descriptor)
        elif path.name.endswith(UNFINISHED):
            _clear(path)


def _lock(path: Path) -> int | None:
    """Lock a file; None when its process lives, another one has it, or it is not there any more."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):  # else somebody has dealt with it just now
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _clear(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > UNFINISHED_SECONDS and (descriptor := _lock(path)) is not None:
            path.unlink()
            os.close(descriptor)
