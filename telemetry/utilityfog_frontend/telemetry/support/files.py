"""Files that are never seen half-written."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from errno import ELOOP, EPERM
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40


def replace_file(path: Path, chunks: Iterable[bytes], new_mode: int = 0o666) -> None:
    """Put `chunks` in place of the file at `path`: written beside it, synced to the disk, renamed over it.

    Creates the folders above; keeps an existing file's mode (a new one has of `new_mode` what the umask leaves).
    Follows a link that this user or root has made, and none that somebody else may have put there to have another file
    overwritten. A reader sees the old content or the new, never a part; after a failure the old one is there. A path
    that is no regular file (a pipe, a terminal) is written to as it is.

    Raises:
        OSError: it could not be written.
    """
    _refuse_links_of_others(path)
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode if path.exists() else None
    if mode is None or stat.S_ISREG(mode):
        _write_beside(path, mode, new_mode, chunks)
    else:
        with path.open("wb") as file:
            file.writelines(chunks)


def _refuse_links_of_others(path: Path) -> None:
    if not hasattr(os, "geteuid"):  # Windows, where making links is a privilege
        return
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            return
        owner = path.lstat().st_uid
        if owner not in (0, os.geteuid()):
            raise PermissionError(EPERM, f"it is a link of user {owner}, and is not followed", str(path))
        path = path.parent / path.readlink()
    raise OSError(ELOOP, os.strerror(ELOOP), str(path))


def _write_beside(path: Path, mode: int | None, new_mode: int, chunks: Iterable[bytes]) -> None:
    # Not by `tempfile`, whose files are 0600: no collector of another user could read them.
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, new_mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            beside.chmod(stat.S_IMODE(mode))
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
