"""Reads a tree or a subtree from the bus, merges it into one network-wide collector and serves it over HTTP.

  fog aggregator
  fog aggregator --path fog/0 --listen :10365
  fog aggregator --path fog/0 --publish-rollup
  fog aggregator --branches 'fog/*'

The third one is its parent's agent: it also sends the totals of fog/0 up. The last one reads what such aggregators send
in place of the nodes under them.

Open http://127.0.0.1:10364/ and /metrics, /api/tree, /api/nodes, /api/events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import ADDRESS, DIRECTORY, FILE, INTERVAL, PATH, PATHS, PERIOD, SWITCH, TEXT, WHOLE, Address
from fog_cli.config import group
from fog_cli.later import later
from fog_cli.logs import LogSettings
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog aggregator`."""

    listen: Address = option(
        ("127.0.0.1", 10364), "address of the HTTP server", ADDRESS, aliases=("--web.listen-address",)
    )
    path: str = option("", "root of the subtree to read; everything when left out", PATH)
    branches: tuple[str, ...] = option(
        (), "paths whose aggregators publish rollups, which are read in place of their nodes; a token may be *", PATHS
    )
    publish_rollup: bool = switch("send the totals of the subtree at --path up, to the aggregator of a larger one")
    rollup_interval: float = option(10.0, "how often they are sent", INTERVAL)
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    state_dir: str = option(
        "", "directory of the checkpoints (default ~/.local/state/fog)", DIRECTORY, environ=("STATE_DIRECTORY",)
    )
    checkpoint_interval: float = option(10.0, "how often the state is saved", PERIOD)
    create_streams: bool = option(
        default=True, help="leave it to fog streams apply to create streams that are missing", kind=SWITCH
    )
    departed_after: float = option(3600.0, "a node silent for so long has departed", PERIOD)
    horizon: float = option(7 * 86400.0, "how long the counts of a silent epoch are kept apart", PERIOD)
    max_events: int = option(10_000, "how many events are kept", WHOLE)
    export_prometheus: str | None = option(None, "write the metrics to this file as well, as Prometheus text", FILE)
    export_json: str | None = option(None, "write the snapshot to this file as well, as JSON", FILE)
    export_interval: float = option(10.0, "how often these files are written", PERIOD)
    stop_on_eof: bool = switch("stop when standard input ends, as it does when the parent is gone")
    nats: NatsSettings = group(NatsSettings)
    log: LogSettings = group(LogSettings)


run: Final = later("fog_cli.aggregator:serve")
"""Serve until told to stop."""
