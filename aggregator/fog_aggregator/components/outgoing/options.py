"""The option of what is sent to the receivers of others. Without the HTTP client: `--help` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fog_bus.options import option
from fog_bus.options.kinds import FILE


@dataclass(frozen=True, kw_only=True)
class OutgoingOptions:
    """Where the numbers go beside those who ask for them."""

    receivers: str = option(
        "", "file of the receivers that the numbers are sent to, by remote write or OTLP: docs/outgoing.md", FILE
    )
