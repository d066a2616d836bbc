"""The options of the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import INTERVAL, PERIOD, SIZE, WHOLE

_MEMORY: Final = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class HistoryOptions:
    """How often the totals are kept, of how many series, for how long."""

    history_step: float = option(10.0, "how often the totals of the fleet and of its levels are kept", INTERVAL)
    history_series: int = option(100_000, "how many series are kept, whole levels from the root on", WHOLE)
    history_retention: float = option(6 * 3600.0, "how long the totals are kept", PERIOD)
    history_memory: int = option(_MEMORY, "memory for all of it; the oldest go first. 0: no history", SIZE)
