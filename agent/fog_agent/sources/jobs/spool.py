"""Takes the files that jobs have left.

Without a journal each is gone before it is counted, so that none counts twice; an agent that is killed between the two
has lost that one message. With a journal each gets a name that says whose journal will have it, and is removed with
the counting of it, in one step. The agent that comes after a kill -9 sees by that name whether it was counted.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from fog_agent.sources.datagrams import MAX_DATAGRAM, group_id
from utilityfog_frontend.telemetry.journal import files as journals

SUFFIX: Final = ".job"
MOST_FILES: Final = 1_000
"""Files that are taken at once; the others wait for the next time."""
MOST_BAD: Final = 1_000
"""Names of files that cannot be taken, which are told once; with so many more, none is looked at until one goes."""
RETRY: Final = 300.0
"""Seconds after which one that could not be taken is tried again."""
MARK: Final = ".journal"
"""Says that the agent has a journal: jobs put what they tell into the spool, and tell it where to look."""
MODE: Final = 0o3770
"""Of a spool that is made here: the group writes, nobody takes away what is another's, files get the group."""

_CLAIMED: Final = re.compile(r"(.+\.job)~([0-9]{1,10}-[0-9a-f]{16})\.claimed")


class Found(NamedTuple):
    """A file's content with its owner; or, without an owner, what is wrong with it.

    Attributes:
        uid: its owner.
        data: its content.
        wrong: why it is not taken.
        name: the name that the job gave it.
        path: where it is, until the journal has its counts; None when it is gone.
    """

    uid: int
    data: bytes
    wrong: str = ""
    name: str = ""
    path: Path | None = None


class Spool:
    """The directory of files. One call at a time.

    Args:
        folder: where it is.
        group: the group of a directory that is made here, by name; empty for the process's own.
        journal: that of this process, None without one.
    """

    def __init__(self, folder: Path, group: str = "", journal: Path | None = None) -> None:
        self._folder = folder
        self._group = group
        self._journal = journal
        self._bad: dict[str, float] = {}

    def prepare(self) -> None:
        """Make the directory unless it is there.

        Raises:
            OSError: it cannot be made, or is none, or cannot be read; says which.
        """
        try:
            if not self._folder.is_dir():
                self._folder.mkdir()
                if self._group:
                    os.chown(self._folder, -1, group_id(self._group))
                self._folder.chmod(MODE)
            if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "cannot be read and written")
            self._say_what_jobs_do()
        except OSError as error:
            raise OSError(error.errno, f"spool {self._folder}: {error.strerror}") from None

    def take(self) -> Iterator[Found]:
        """Yield what is there, the oldest first; each file is gone when it is yielded.

        Raises:
            OSError: the directory cannot be read.
        """
        with os.scandir(self._folder) as entries:
            names = sorted(entry.name for _, entry in zip(range(MOST_FILES + MOST_BAD), entries, strict=False))
        now = time.monotonic()
        self._bad = {name: tried for name, tried in self._bad.items() if name in set(names)}
        waiting = [name for name in names if name.endswith(SUFFIX) and now - self._bad.get(name, -RETRY) >= RETRY]
        for name in waiting[:MOST_FILES]:
            try:
                found = self._take(name)
            except FileNotFoundError:
                continue
            except OSError as error:
                known, self._bad[name] = name in self._bad, now
                if known:
                    continue
                found = Found(-1, b"", f"{self._folder / name}: {error.strerror}", name)
            yield found

    def forsaken(self) -> int:
        """Return how many files wait for an agent with a journal; none when this one has one, and takes them."""
        if self._journal is not None:
            return 0
        with os.scandir(self._folder) as entries:
            return sum(_CLAIMED.fullmatch(entry.name) is not None for entry in entries)

    def release(self, found: Found) -> None:
        """Let a file have its name again: nothing of it was counted."""
        if found.path is not None:
            self._give_back(found.path, found.name)

    def _say_what_jobs_do(self) -> None:
        mark = self._folder / MARK
        mark.unlink(missing_ok=True)  # others may write here: it may be a link of theirs
        if self._journal is not None:
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))

    def _give_back(self, path: Path, name: str) -> None:
        """Let a claimed file have its name again, unless another one has it now: then the next time."""
        target = self._folder / name
        with suppress(OSError):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # nobody else's now
            try:
                path.rename(target)
            except OSError:
                target.unlink()
                raise

    def reclaim(self) -> None:
        """Let files that another agent took and did not count have their names again; those that it did are removed.

        Raises:
            OSError: the directory cannot be read or written.
        """
        if self._journal is None:
            return
        with os.scandir(self._folder) as entries:
            names = [entry.name for _, entry in zip(range(MOST_FILES + MOST_BAD), entries, strict=False)]
        for name in names:
            claimed = _CLAIMED.fullmatch(name)
            if claimed is None or claimed[2] == self._journal.stem:
                continue
            path = self._folder / name
            journal = self._journal.with_name(claimed[2] + journals.SUFFIX)
            counted = journals.file_counted(journal)
            if counted == path:
                path.unlink(missing_ok=True)
            elif counted is not None:
                self._give_back(path, claimed[1])

    def _take(self, name: str) -> Found:
        """Read a file, and remove or claim it; one that cannot be removed is not taken.

        Raises:
            OSError: it cannot be.
        """
        path = self._folder / name
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(path, flags)
        try:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
                raise OSError(errno.EINVAL, "is no file of a job's own")
            data = os.read(file, MAX_DATAGRAM + 1)
        finally:
            os.close(file)
        if not data:  # a place that was made for one to be given back, of an agent that was killed: jobs rename theirs
            path.unlink()
            raise FileNotFoundError
        if len(data) > MAX_DATAGRAM or self._journal is None:
            path.unlink()
            wrong = f"{path}: is longer than {MAX_DATAGRAM} bytes" if len(data) > MAX_DATAGRAM else ""
            return Found(-1 if wrong else about.st_uid, data, wrong, name)
        return Found(about.st_uid, data, "", name, path.rename(path.with_name(name + journals.claim_of(self._journal))))

    def clear_leftovers(self, before: float) -> None:
        """Remove what writers that were killed have not finished: hidden files last written before a unix time."""
        with suppress(OSError), os.scandir(self._folder) as entries:
            for _, entry in zip(range(MOST_FILES + MOST_BAD), entries, strict=False):
                hidden = entry.name.startswith(".") and entry.name != MARK
                if hidden and entry.stat(follow_symlinks=False).st_mtime < before:
                    Path(entry.path).unlink(missing_ok=True)
