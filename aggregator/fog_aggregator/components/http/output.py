"""Sends answers: chunk by chunk, compressed when the client likes it, and never for longer than it may take."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any, Final, Protocol

from aiohttp import web

from utilityfog_frontend.telemetry.exposition.json import plain_json

LOGGER: Final = logging.getLogger("fog_aggregator.components.http")
JSON: Final = "application/json"
LONGEST_ANSWER: Final = 120.0
SLICE_SECONDS: Final = 0.010
"""How long an answer is made on the loop without a pause; the last chunk may take longer."""
_GZIP_WINDOW: Final = 31
_SCRAPE_TIMEOUT: Final = "X-Prometheus-Scrape-Timeout-Seconds"


class Compressor(Protocol):
    """Turn chunks into gzip."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the next bytes, maybe none yet."""

    def flush(self) -> bytes:
        """Return the last bytes."""


def accepts(accepted: str, wanted: str) -> bool:
    """Tell whether an Accept-Encoding header allows a coding, as `gzip` or `br`."""
    qualities = {}
    for item in accepted.lower().split(","):
        coding, _, parameters = item.partition(";")
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d*)?)\s*", parameters)
        qualities[coding.strip()] = float(found[1]) if found else 0.0 if parameters.strip() else 1.0
    return qualities.get(wanted, qualities.get("*", 0.0)) > 0


def gzip_chunks(chunks: Iterable[bytes], compressor: Compressor) -> Iterator[bytes]:
    """Return the chunks as one gzip stream; some may be empty, so that who sends them can see to others in between."""
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def in_slices(chunks: Iterable[bytes], clock: Callable[[], float]) -> Iterator[bytes]:
    """Join the chunks that are made within a slice of time: a pause after each would cost the turns of all others."""
    joined: list[bytes] = []
    end = clock() + SLICE_SECONDS
    for chunk in chunks:
        joined.append(chunk)
        if clock() >= end:
            yield b"".join(joined)
            joined, end = [], clock() + SLICE_SECONDS
    yield b"".join(joined)


def make_compressor() -> Compressor:
    """Return the fastest there is."""
    try:
        from isal import isal_zlib
    except ImportError:  # no wheel for this machine: four times slower, and the client sees no difference
        return zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW)
    fast: Compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP_WINDOW)
    return fast


async def send(
    request: web.Request,
    chunks: Iterable[bytes],
    content_type: str,
    threads: Executor | None = None,
    *,
    aside: bool = False,
    tag: str = "",
) -> web.StreamResponse:
    """Answer with some chunks; after each, others have their turn on the loop.

    A client that reads too slowly is cut off: half an answer must not pass for a whole one.

    Args:
        request: The request.
        chunks: The body.
        content_type: Its type.
        threads: Where chunks are made and compressed; None for the loop itself, which suits small ones.
        aside: They are made in the loop's own threads, where none are given.
        tag: The ETag of the body; empty without one.
    """
    tags = {"ETag": tag} if tag else {}
    response = web.StreamResponse(headers={"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"} | tags)
    if accepts(request.headers.get("Accept-Encoding", ""), "gzip"):
        response.headers["Content-Encoding"] = "gzip"
        chunks = gzip_chunks(chunks, make_compressor())
    await response.prepare(request)
    if request.method != "HEAD" and not await _write(request, response, _in_turn(chunks, threads, aside=aside)):
        return response
    await response.write_eof()
    return response


async def _write(request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]) -> bool:
    """Write a body as fast as its client reads; abort the connection and return False when it breaks off."""
    try:
        async with asyncio.timeout(_patience(request)):
            async for piece in pieces:
                if piece:
                    await response.write(piece)
    except ConnectionError:
        raise
    except Exception as error:
        if not isinstance(error, TimeoutError):
            LOGGER.exception("%s broke off", request.path_qs[:200], exc_info=error)
        if request.transport is not None:
            request.transport.abort()
        return False
    return True


async def _in_turn(chunks: Iterable[bytes], threads: Executor | None, *, aside: bool) -> AsyncIterator[bytes]:
    """Make one chunk after the other, and let others have the loop in between."""
    if threads is None and not aside:
        for piece in in_slices(chunks, time.perf_counter):
            yield piece
            await asyncio.sleep(0)
        return
    loop, source = asyncio.get_running_loop(), iter(chunks)
    while (made := await loop.run_in_executor(threads, next, source, None)) is not None:
        yield made


async def send_json(request: web.Request, answer: Any) -> web.StreamResponse:
    """Answer with a value; NaN and infinities, which JSON lacks, as strings."""
    return await send(request, [json_bytes(answer)], JSON)


def json_bytes(answer: Any) -> bytes:
    """Return a value as a line of JSON."""
    return json.dumps(plain_json(answer), allow_nan=False).encode() + b"\n"


def _patience(request: web.Request) -> float:
    """How long the client waits, as far as it says."""
    header = request.headers.get(_SCRAPE_TIMEOUT, "")
    return min(float(header), LONGEST_ANSWER) if re.fullmatch(r"\d{1,6}(\.\d{1,9})?", header) else LONGEST_ANSWER
