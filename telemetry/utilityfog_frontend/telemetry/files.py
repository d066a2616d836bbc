"""Files that are never seen half-written."""

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_NEW_FILE_MODE = 0o644  # a temporary file would be 0600, which no collector of another user could read


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Puts `chunks` in place of the file at `path`: written beside it, synced to the disk, renamed over it.

    Creates the folders above; keeps an existing file's mode; follows links. A reader sees the old content or the new,
    whole; after a failure the old one is there. What is no regular file (a pipe, a terminal) is written to as it is.

    Raises:
        OSError: it could not be written.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode if path.exists() else stat.S_IFREG | _NEW_FILE_MODE
    if stat.S_ISREG(mode):
        _write_beside(path, stat.S_IMODE(mode), chunks)
    else:
        with path.open("wb") as file:
            file.writelines(chunks)


def _write_beside(path: Path, mode: int, chunks: Iterable[bytes]) -> None:
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(mode)
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink()
        raise
