"""Shows what is wrong, where and since when, and any place of the fleet: the operators' page in a terminal.

  fog top
  fog top fog/ams/r04
  fog top fog/ams --metric order_errors_total

Keys are those of the page: arrows and Enter to go down, Backspace up, 1 to 9 for a problem, g then o, n, a, e or m for
overview, nodes, alerts, events and metrics, / to search, ? for all of them, q to quit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import NAME, PATH
from fog_cli.api import ApiSettings
from fog_cli.config import group
from fog_cli.later import later


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog top`."""

    path: str = option("", "where to begin", PATH, positional=True)
    metric: str = option("", "the metric that places are compared by; m chooses another", NAME)
    api: ApiSettings = group(ApiSettings)


run: Final = later("fog_cli.top.run:top")
"""Show it until it is left."""
