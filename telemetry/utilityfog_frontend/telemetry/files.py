"""Files that are never seen half-written."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_MODE = 0o644  # a temporary file would be 0600, which no collector of another user could read


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Puts `chunks` in place of the file at `path`: written beside it, synced to the disk, renamed over it.

    Creates the folders above. A reader sees the old content or the new, whole; after a failure the old one is there.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fchmod(file.fileno(), _MODE)
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink()
        raise
