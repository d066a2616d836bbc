"""Takes the files that jobs left while no agent listened: each is gone before it is counted, so that none counts twice.

An agent that is killed between the two has lost that one message.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from fog_agent.sources.datagrams import MAX_DATAGRAM

SUFFIX: Final = ".job"
MOST_FILES: Final = 1_000
"""Files that are taken at once; the others wait for the next time."""
MOST_BAD: Final = 1_000
"""Names of files that cannot be taken, which are told once; with so many more, none is looked at until one goes."""
MODE: Final = 0o3770
"""Of a spool that is made here: the group writes, nobody takes away what is another's, files get the group."""


class Found(NamedTuple):
    """A file's content with its owner; or, without an owner, what is wrong with it."""

    uid: int
    data: bytes
    wrong: str = ""


class Spool:
    """The directory of files. One call at a time.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bad: set[str] = set()

    def prepare(self) -> None:
        """Make the directory unless it is there.

        Raises:
            OSError: it cannot be made, or is none, or cannot be read; says which.
        """
        try:
            if not self._folder.is_dir():
                self._folder.mkdir()
                self._folder.chmod(MODE)
            if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "cannot be read and written")
        except OSError as error:
            raise OSError(error.errno, f"spool {self._folder}: {error.strerror}") from None

    def take(self) -> Iterator[Found]:
        """Yield what is there, the oldest first; each file is gone when it is yielded.

        Raises:
            OSError: the directory cannot be read.
        """
        with os.scandir(self._folder) as entries:
            names = sorted(entry.name for _, entry in zip(range(MOST_FILES + MOST_BAD), entries, strict=False))
        self._bad &= set(names)
        waiting = [name for name in names if name.endswith(SUFFIX) and name not in self._bad]
        for name in waiting[:MOST_FILES]:
            try:
                found = self._take(name)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._bad.add(name)
                found = Found(-1, b"", f"{self._folder / name}: {error.strerror}")
            yield found

    def _take(self, name: str) -> Found:
        """Read a file and remove it; one that cannot be removed is not taken.

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
        path.unlink()
        if len(data) > MAX_DATAGRAM:
            return Found(-1, b"", f"{path}: is longer than {MAX_DATAGRAM} bytes")
        return Found(about.st_uid, data)

    def clear_leftovers(self, before: float) -> None:
        """Remove what writers that were killed have not finished: hidden files last written before a unix time."""
        with suppress(OSError), os.scandir(self._folder) as entries:
            for _, entry in zip(range(MOST_FILES + MOST_BAD), entries, strict=False):
                if entry.name.startswith(".") and entry.stat(follow_symlinks=False).st_mtime < before:
                    Path(entry.path).unlink(missing_ok=True)
