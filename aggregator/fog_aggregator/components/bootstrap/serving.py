"""Give the newest checkpoint to another aggregator of the pair."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from aiohttp import web

from fog_aggregator.components.checkpoints.directory import CheckpointDirectory
from fog_aggregator.components.http.keys import SLOTS
from fog_aggregator.components.http.output import send

CHECKPOINTS: Final = web.AppKey("checkpoints", Path)
"""The directory of the checkpoints. Absent where none are written."""
BINARY: Final = "application/octet-stream"
_CHUNK: Final = 1024 * 1024


def open_newest(directory: Path) -> BinaryIO | None:
    """Open the newest checkpoint of a directory; None without any. Blocks."""
    checkpoints = CheckpointDirectory(directory)
    for number in reversed(checkpoints.numbers()):
        try:
            return Path(checkpoints.name(number)).open("rb")
        except OSError:  # it was removed just now: a newer one is there
            continue
    return None


async def checkpoint(request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
    """Send the newest checkpoint, byte by byte as it lies on the disk."""
    directory = request.app.get(CHECKPOINTS)
    file = None if directory is None else await asyncio.to_thread(open_newest, directory)
    if file is None:
        raise web.HTTPNotFound(text="there is no checkpoint: it has no --state-dir, or has written none yet")
    with file:
        async with request.app[SLOTS].acquire(request):
            return await send(request, _chunks(file), BINARY, aside=True)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
