"""What an aggregator is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as FilePath

from fog_agent.options import NatsOptions
from fog_aggregator.core.eventlist import MAX_EVENTS
from fog_aggregator.core.lifecycle import DEPARTED_SECONDS
from fog_aggregator.core.state import DAY
from fog_schema.paths import Path
from fog_schema.subjects import DEFAULT_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorConfig:
    """The settings of one aggregator.

    Attributes:
        nats: where NATS is and who we are there.
        listen: host and port of the HTTP server; port 0 takes a free one.
        path: the subtree to read; everything for the empty path.
        prefix: subject prefix.
        state_dir: where checkpoints lie; None for none, which makes every restart a round of keyframes.
        checkpoint_interval: seconds between checkpoints.
        create_streams: create the streams when they are missing; in production a command does it.
        departed_after: seconds of silence after which a node has departed.
        horizon: seconds of silence after which an epoch is folded; at least twice the streams' max_age.
        max_events: events kept for the list.
        export_prometheus: a file to export to, every `export_interval` seconds.
        export_json: likewise.
    """

    nats: NatsOptions = field(default_factory=NatsOptions)
    listen: tuple[str, int] = ("127.0.0.1", 10364)
    path: Path = ()
    prefix: str = DEFAULT_PREFIX
    state_dir: FilePath | None = None
    checkpoint_interval: float = 10.0
    create_streams: bool = True
    departed_after: float = DEPARTED_SECONDS
    horizon: float = 7 * DAY
    max_events: int = MAX_EVENTS
    export_prometheus: FilePath | None = None
    export_json: FilePath | None = None
    export_interval: float = 10.0
