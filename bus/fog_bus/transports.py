"""Open the transport that options are of: the one place that chooses."""

from __future__ import annotations

from fog_bus.nats.options import NatsOptions
from fog_bus.nats.transport import NatsTransport
from fog_bus.ports import Endpoint, Transport


def open_transport(endpoint: NatsOptions | Endpoint) -> Transport:
    """Return a transport to where a bus is, which connects once it runs.

    Raises:
        ValueError: The options cannot be used.
    """
    return NatsTransport(endpoint) if isinstance(endpoint, NatsOptions) else endpoint.transport()
