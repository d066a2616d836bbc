"""Compress bodies: snappy in its block form for remote write, gzip for OTLP."""

from __future__ import annotations

import cramjam

from fog_aggregator.components.http.output import make_compressor
from fog_aggregator.outgoing.formats import SNAPPY


def compressed(body: bytes, how: str) -> bytes:
    """Return a body as it goes out."""
    if how == SNAPPY:
        return bytes(cramjam.snappy.compress_raw(body))
    compressor = make_compressor()
    return compressor.compress(body) + compressor.flush()
