"""The formats of requests: encoder, compression and headers of each protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fog_aggregator.outgoing.items import About, Encoder
from fog_aggregator.outgoing.otlp import Otlp
from fog_aggregator.outgoing.receivers import Protocol
from fog_aggregator.outgoing.remote_write import RemoteWrite, descriptions
from fog_aggregator.outgoing.remote_write_2 import RemoteWrite2
from fog_aggregator.promql.labels import make_labels
from utilityfog_frontend.telemetry.exposition import wire

SNAPPY, GZIP = "snappy", "gzip"


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        encoder: Writes bodies.
        headers: The headers of each request.
        empty: A body without a series, whose answer tells whether the receiver takes the format, and its time.
        describe: Writes a body that describes metrics alone; None where each series is sent with its description.
        confirms: The receiver says how many samples it has written; one that does not has not understood.
    """

    encoder: Encoder
    headers: Mapping[str, str]
    empty: bytes = b""
    confirms: bool = False
    describe: Callable[[Mapping[str, About]], bytes] | None = None

    @property
    def compression(self) -> str:
        """How bodies are compressed."""
        return self.headers["Content-Encoding"]

    @property
    def is_remote_write(self) -> bool:
        """Whether it is remote write, of either version."""
        return _VERSION in self.headers


def make_format(protocol: Protocol, instance: str, version: str) -> Format:
    """Make the format of a protocol.

    Args:
        protocol: The protocol.
        instance: Names the aggregator, for OTLP's resource.
        version: Of the program.
    """
    if protocol is Protocol.OTLP:
        resource = make_labels({"service.name": "fog", "service.instance.id": instance})
        return Format(Otlp(resource, version), {"Content-Type": _PROTOBUF, "Content-Encoding": GZIP})
    if protocol is Protocol.REMOTE_WRITE_2:
        content = f"{_PROTOBUF};proto=io.prometheus.write.v2.Request"
        return Format(RemoteWrite2(), _write_headers(content, "2.0.0"), wire.block(4, b""), confirms=True)
    return Format(RemoteWrite(), _write_headers(_PROTOBUF, "0.1.0"), describe=descriptions)


_PROTOBUF: Final = "application/x-protobuf"
_VERSION: Final = "X-Prometheus-Remote-Write-Version"


def _write_headers(content: str, version: str) -> dict[str, str]:
    return {
        "Content-Type": content,
        "Content-Encoding": SNAPPY,
        _VERSION: version,
    }
