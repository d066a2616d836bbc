"""Write a checkpoint anew with another inside and a right checksum, as another program would."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack


def reframed(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change the index of a checkpoint; magic, length, index and checksum stand where they stand in every version."""
    (length,) = struct.unpack("<Q", data[8:16])
    head = msgpack.unpackb(data[16 : 16 + length], strict_map_key=False)
    change(head)
    packed: bytes = msgpack.packb(head)
    body = data[:8] + struct.pack("<Q", len(packed)) + packed + data[16 + length : -16]
    return body + hashlib.blake2b(body, digest_size=16).digest()


def contents(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Read every file of a directory itself, with the time of its last change."""
    files = (file for file in directory.iterdir() if file.is_file())
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
