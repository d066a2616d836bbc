"""A scrape as Prometheus's remote-write 1.0 sends it: a WriteRequest in protobuf, in snappy's block format.

Encoded by hand from the field numbers of the specification, as there is no Python package for it: every sample of the
scrape with all of its labels. The metadata that Prometheus sends in requests of their own is left out, as are `up` and
the other series that a scrape adds.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import cramjam
from prometheus_client.parser import text_string_to_metric_families

_WIRE_BYTES, _WIRE_DOUBLE = 2, 1


def write_request(text: str, target: Mapping[str, str], timestamp_ms: int) -> bytes:
    """Return the protobuf message for a page in Prometheus text; `target` has the labels that a scrape adds."""
    return b"".join(
        _bytes(1, _series({**sample.labels, **target, "__name__": sample.name}, sample.value, timestamp_ms))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )


def compressed(message: bytes) -> bytes:
    """Return the body of the request."""
    return bytes(cramjam.snappy.compress_raw(message))


def _series(labels: Mapping[str, str], value: float, timestamp_ms: int) -> bytes:
    pairs = [_bytes(1, _bytes(1, name.encode()) + _bytes(2, text.encode())) for name, text in sorted(labels.items())]
    number = bytes([1 << 3 | _WIRE_DOUBLE]) + struct.pack("<d", value) if value else b""  # zero is what is left out
    return b"".join(pairs) + _bytes(2, number + bytes([2 << 3]) + _varint(timestamp_ms))


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | _WIRE_BYTES]) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
