"""Prints the fleet's events, the newest last.

  fog events
  fog events fog/0 --name node_unhealthy --since 1h
  fog events --follow

With --follow it goes on with those that come, by the aggregator's stream of changes. When that breaks it says so, comes
back, and goes on after the last event: none is printed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import DURATION, NAME, PATH, WHOLE
from fog_cli.api import ApiSettings
from fog_cli.config import group
from fog_cli.later import later


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog events`."""

    path: str = option("", "only of this subtree", PATH, positional=True)
    name: str = option("", "only events of this name", NAME)
    since: float | None = option(None, "only those received within this time", DURATION)
    limit: int = option(50, "at most so many, the newest", WHOLE)
    follow: bool = switch("go on with those that come, until Ctrl-C")
    json: bool = switch("print JSON: one document, or with --follow one object a line")
    api: ApiSettings = group(ApiSettings)


run: Final = later("fog_cli.live.events:events")
"""Print what there is, and follow if asked to."""
