"""Generates the load of a large fleet from a few processes, and checks that no count is lost.

  fog swarm --nodes 20000 --series 100 --interval 10s --connections 50
  fog swarm --nodes 1000 --churn 5 --restarts 5 --losses 1 --duration 2m

Each node is an honest writer: it has an epoch of its own, definitions, deltas, keyframes when asked, each frame sent
until it is acknowledged. They share connections, and a table for their counts, so that one costs a small part of an
agent. At the end, Ctrl-C or not, all of them end in good order, and what they counted is held against what the
aggregator exports: exit code 1 when it differs. A machine that is too slow leaves intervals out, and says how many.

The streams and the aggregator must be there. The nodes live in a tree of their own (swarm-…, or --path), which stays
in the aggregator as ended nodes: use a prefix, or a server, for trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import INTERVAL, PATH, PERIOD, TEXT, WHOLE
from fog_cli.api import ApiSettings
from fog_cli.config import group, part
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """The nodes and their tree."""

    nodes: int = option(1000, "how many nodes", WHOLE)
    series: int = option(100, "series of each node, a fifth of them gauges", WHOLE)
    interval: float = option(10.0, "how often nodes send", INTERVAL)
    branching: int = option(16, "children of each inner node, 4 or more", WHOLE)
    path: str = option("", "where the tree of the nodes begins (a path of its own)", PATH)
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)


@dataclass(frozen=True, slots=True)
class FaultOptions:
    """Faults of nodes and frames."""

    churn: int = option(0, "percent of the nodes that end each minute, and are replaced by new ones", WHOLE)
    restarts: int = option(0, "percent of the nodes that end each minute without a word, and begin anew", WHOLE)
    losses: int = option(0, "percent of the deltas that are lost", WHOLE)
    seed: int | None = option(None, "of everything that chance decides; drawn when left out", WHOLE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog swarm`."""

    fleet: FleetOptions = part(FleetOptions)
    faults: FaultOptions = part(FaultOptions)
    processes: int = option(1, "processes that share the nodes", WHOLE)
    connections: int = option(4, "connections that share them, over all processes", WHOLE)
    duration: float | None = option(None, "end by itself after this", PERIOD)
    no_check: bool = switch("ask no aggregator, and compare nothing")
    json: bool = switch("print nothing but one JSON object, at the end")
    api: ApiSettings = group(ApiSettings)
    nats: NatsSettings = group(NatsSettings)


run: Final = later("fog_cli.swarm.run:swarm")
"""Run it to its end; 0 when every count was conserved."""
