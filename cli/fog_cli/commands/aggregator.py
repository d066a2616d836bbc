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

from fog_aggregator.config import AggregatorConfig
from fog_bus.options import switch
from fog_cli.config import group, part
from fog_cli.later import later
from fog_cli.logs import LogSettings
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog aggregator`."""

    config: AggregatorConfig = part(AggregatorConfig)
    stop_on_eof: bool = switch("stop when standard input ends, as it does when the parent is gone")
    nats: NatsSettings = group(NatsSettings)
    log: LogSettings = group(LogSettings)


run: Final = later("fog_cli.actions.aggregator:serve")
"""Serve until told to stop."""
