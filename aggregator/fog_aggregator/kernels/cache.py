"""Where compiled kernels are kept on disk: in a folder for each state of the sources that they were compiled from.

numba compares the file of a function alone with what it has compiled. Functions and constants of other files are
compiled in as well: a kernel of an older limit beside newer ones would write past its arrays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import fog_schema

_KERNELS: Final = Path(__file__).parent
SOURCES: Final = (_KERNELS, Path(fog_schema.__file__).parent)
"""Folders with all that is compiled into kernels."""


def folder_for_kernels(own: Path | None, sources: Sequence[Path] = SOURCES) -> Path:
    """Return a folder, which is there and can be written, for kernels of the present sources.

    It is in the first of these that can be written: the directory that NUMBA_CACHE_DIR names, and then no other; the
    program's own folder; the user's cache; `own`. Nobody but its owner can write to it.

    Raises:
        OSError: None of them can.
    """
    name = _digest(sources)
    tried = []
    for base in _bases(own):
        folder = base / name
        tried.append(str(base))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise OSError(f"no folder for compiled kernels can be written: tried {', '.join(tried)}; set NUMBA_CACHE_DIR")


def _bases(own: Path | None) -> Iterator[Path]:
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given)
        return
    yield _KERNELS / "compiled" / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fog-kernels"
    if own is not None:
        yield own


def _digest(sources: Sequence[Path]) -> str:
    """Return a name for the present text of all sources."""
    found = sha256()
    for file in sorted(file for folder in sources for file in folder.rglob("*.py")):
        text = file.read_bytes()
        found.update(f"{file.name} {len(text)}\n".encode() + text)
    return found.hexdigest()[:16]
