"""Ask the demo's aggregator for its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from fog_cli.actions import books
from fog_cli.api import Api
from fog_cli.errors import CommandError

NODES = "fog_aggregator_nodes"
FRAMES = "fog_aggregator_frames_total"
SAMPLES = "fog_aggregator_values_total"
EVENTS = "fog_aggregator_events_total"
SEQUENCE = "fog_aggregator_stream_sequence"
LAG = "fog_aggregator_stream_lag_messages"
_READ: Final = frozenset({NODES, FRAMES, SAMPLES, EVENTS, SEQUENCE, LAG})
"""All are whole numbers. Others are not: the seconds until a gap are infinite while a stream is young."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """An aggregator's own numbers at one moment.

    Attributes:
        nodes: how many it knows.
        live: how many of them it has heard lately.
        frames: read in all.
        samples: values that came in them, in all.
        events: read in all.
        lag: messages that the streams hold and it has not read.
        read: by stream, the sequence up to which it has read.
    """

    nodes: int
    live: int
    frames: int
    samples: int
    events: int
    lag: int
    read: Mapping[str, int]

    @classmethod
    def of(cls, text: str) -> Self:
        """From the text of its /metrics."""
        found: dict[str, dict[str, int]] = {}
        for sample in books.samples(text):
            if sample.name in _READ:
                found.setdefault(sample.name, {})[sample.labels] = int(sample.value)
        streams = {
            labels.partition('stream="')[2].partition('"')[0]: at for labels, at in found.get(SEQUENCE, {}).items()
        }
        return cls(
            nodes=sum(found.get(NODES, {}).values()),
            live=sum(count for labels, count in found.get(NODES, {}).items() if 'state="live"' in labels),
            frames=sum(found.get(FRAMES, {}).values()),
            samples=sum(found.get(SAMPLES, {}).values()),
            events=sum(found.get(EVENTS, {}).values()),
            lag=sum(found.get(LAG, {}).values()),
            read=streams,
        )


class AggregatorView:
    """An aggregator over HTTP, asked from an event loop."""

    def __init__(self, url: str) -> None:
        self._api = Api(url)
        self.url = self._api.url

    async def metrics(self) -> str | None:
        """Its /metrics; None while it is not ready."""
        try:
            return (await asyncio.to_thread(self._api.get, "/metrics")).decode()
        except CommandError:
            return None

    async def numbers(self) -> Numbers | None:
        """Its own numbers; None while it is not ready."""
        text = await self.metrics()
        return None if text is None else Numbers.of(text)
