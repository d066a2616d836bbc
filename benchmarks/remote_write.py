"""A scrape as Prometheus's remote-write 1.0 sends it: a WriteRequest in protobuf, in snappy's block format.

Every sample of the scrape, with all of its labels. The metadata that Prometheus sends in requests of their own is left
out, as are `up` and the other series that a scrape adds.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from fog_aggregator.components.outgoing import compression
from fog_aggregator.outgoing.formats import SNAPPY
from fog_aggregator.outgoing.remote_write import label_bytes
from utilityfog_frontend.telemetry.exposition import wire


def write_request(text: str, target: Mapping[str, str], timestamp_ms: int) -> bytes:
    """Return the protobuf message for a page in Prometheus text; `target` has the labels that a scrape adds."""
    return b"".join(
        wire.block(1, _series({**sample.labels, **target, "__name__": sample.name}, sample.value, timestamp_ms))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )


def compressed(message: bytes) -> bytes:
    """Return the body of the request."""
    return compression.compressed(message, SNAPPY)


def _series(labels: Mapping[str, str], value: float, timestamp_ms: int) -> bytes:
    sample = wire.double(1, value) + wire.integer(2, timestamp_ms)
    return label_bytes(tuple(sorted(labels.items()))) + wire.block(2, sample)
