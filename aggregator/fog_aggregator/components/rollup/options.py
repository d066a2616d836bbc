"""The options of the rollup that an aggregator publishes."""

from __future__ import annotations

from dataclasses import dataclass

from fog_agent.edge.options import DEFAULT_INTERVAL
from fog_aggregator.components.below.addresses import read_advertised
from fog_bus.options import option, switch
from fog_bus.options.kinds import INTERVAL, URL
from fog_schema.limits import MAX_INTERVAL_MS, MIN_INTERVAL_MS


@dataclass(frozen=True, kw_only=True)
class RollupOptions:
    """Whether the totals of a subtree go up, and how often.

    Raises:
        ValueError: The interval is out of bounds.
    """

    publish_rollup: bool = switch("send the totals of the subtree at --path up, to the aggregator of a larger one")
    rollup_interval: float = option(DEFAULT_INTERVAL, "how often they are sent", INTERVAL)
    http_advertise: str = option(
        "",
        "the address at which the aggregator above may ask this one; it is told with the rollup",
        URL,
        flag="--http.advertise",
        convert=read_advertised,
    )

    def __post_init__(self) -> None:
        if not MIN_INTERVAL_MS / 1000 <= self.rollup_interval <= MAX_INTERVAL_MS / 1000:
            raise ValueError(
                f"rollup interval {self.rollup_interval!r} is out of bounds: give seconds from 0.1 to 3600"
            )
