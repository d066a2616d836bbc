"""Files that their owner alone may read: they have the numbers of a whole fleet."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path


def open_private(path: Path) -> FileIO:
    """Open a file to write it anew, unbuffered. One that others may read is theirs no more.

    Follows no link: in a directory that others may write to it could have any file of ours overwritten.

    Raises:
        OSError: It cannot be opened, or made, or is a link.
    """
    file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")
    os.fchmod(file.fileno(), 0o600)
    return file
