"""Asks the nodes for keyframes and holds what they say against what the aggregator has of them.

  fog audit
  fog audit fog/0/3

For each live node, and so for none in quarantine: every counter and histogram of its running epochs, at the same frame
on both sides. Exit code 0 when all are equal, 1 when something differs, a node did not answer, or none is live. It
reads along on the bus, so it needs the right to subscribe to the nodes' subjects and to ask for keyframes. Branches,
which come as rollups, are left to the aggregators that read their nodes: audit those there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import DURATION, PATH, TEXT, WHOLE
from fog_cli.api import ApiSettings
from fog_cli.config import group
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog audit`."""

    path: str = option("", "only the nodes at and under this path", PATH, positional=True)
    most: int = option(200, "nodes to ask at most, drawn at random when there are more", WHOLE)
    patience: float = option(30.0, "how long nodes have to answer", DURATION)
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    json: bool = switch("print one JSON object")
    api: ApiSettings = group(ApiSettings)
    nats: NatsSettings = group(NatsSettings)


run: Final = later("fog_cli.actions.audit:audit")
"""0 when everything is equal."""
