"""What an aggregator is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path as FilePath

from fog_agent.edge.options import AgentOptions
from fog_aggregator.core.branches import ANY
from fog_aggregator.core.eventlist import MAX_EVENTS
from fog_aggregator.core.lifecycle import DEPARTED_SECONDS
from fog_aggregator.core.state import DAY
from fog_bus.nats.options import NatsOptions
from fog_schema.errors import PathError
from fog_schema.limits import MAX_INTERVAL_MS, MIN_INTERVAL_MS
from fog_schema.paths import Path, format_path, is_under, parse_path
from fog_schema.subjects import DEFAULT_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorConfig:
    """The settings of one aggregator.

    Attributes:
        nats: where NATS is and who we are there.
        listen: host and port of the HTTP server; port 0 takes a free one.
        path: the subtree to read; everything for the empty path.
        branches: paths whose own aggregators send their totals, which are read in place of the nodes at and under them;
            a token may be ``*``.
        publish_rollup: send the totals of the subtree at `path` up, to an aggregator that has it as a branch.
        rollup_interval: seconds between these, from 0.1 to 3,600.
        prefix: subject prefix.
        state_dir: where checkpoints lie; None for none, which makes every restart a round of keyframes.
        checkpoint_interval: seconds between checkpoints.
        create_streams: create the streams when they are missing; in production a command does it.
        departed_after: seconds of silence after which a node has departed.
        horizon: seconds of silence after which an epoch is folded; at least twice the streams' max_age.
        max_events: events kept for the list.
        export_prometheus: a file to export to, every `export_interval` seconds.
        export_json: likewise.

    Raises:
        ValueError: branches that do not lie under `path`, or overlap; a rollup without `path`; an interval out of
            bounds.
    """

    nats: NatsOptions = field(default_factory=NatsOptions)
    listen: tuple[str, int] = ("127.0.0.1", 10364)
    path: Path = ()
    branches: tuple[Path, ...] = ()
    publish_rollup: bool = False
    rollup_interval: float = AgentOptions.interval
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

    def __post_init__(self) -> None:
        if self.publish_rollup and not self.path:
            raise ValueError("a rollup is that of a subtree: give its path, as in --path fog/0")
        if not MIN_INTERVAL_MS / 1000 <= self.rollup_interval <= MAX_INTERVAL_MS / 1000:
            raise ValueError(
                f"rollup interval {self.rollup_interval!r} is out of bounds: give seconds from 0.1 to 3600"
            )
        for branch in self.branches:
            if branch == self.path or not is_under(branch, self.path):
                subtree = format_path(self.path)
                raise ValueError(f"branch {format_path(branch)} does not lie under {subtree}, the subtree that is read")
        for one, other in combinations(self.branches, 2):
            if all(ANY in pair or pair[0] == pair[1] for pair in zip(one, other, strict=False)):
                overlapping = f"{format_path(one)} and {format_path(other)}"
                raise ValueError(f"branches {overlapping} overlap: what lies under both would count twice")


def parse_branch(text: str) -> Path:
    """Parse ``fog/0`` or ``fog/*``, where each token may be ``*``.

    Raises:
        ValueError: it is none.
    """
    tokens = tuple(text.removeprefix("/").removesuffix("/").split("/"))
    try:
        parse_path("/".join("any" if token == ANY else token for token in tokens))
    except PathError:
        raise ValueError(
            f"branch {text!r} is not allowed: write a path, as in fog/0, or fog/* for all of them"
        ) from None
    return tokens
