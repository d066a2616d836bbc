"""Expressions that more than one dashboard has. PromQL with Grafana's variables."""

from __future__ import annotations

from typing import Final

MOST_TOKENS: Final = 8
"""Depth to which an alert's link finds the level of its place; a path may have 16 tokens."""


def share(matchers: str, by: str = "") -> str:
    """Write the share of live nodes among all that are known or expected."""
    return f'sum{by}(fog_aggregator_nodes{{{matchers},state="live"}}) / sum{by}(fog_aggregator_nodes{{{matchers}}})'


def rounded_down(expression: str) -> str:
    """Write a share rounded down to a hundredth of a percent: 99.998 % is never shown as 100 %."""
    return f"floor(1e4 * {expression}) / 1e4"


def states(matchers: str) -> str:
    """Write the number of nodes in each state."""
    return f"sum by (state) (fog_aggregator_nodes{{{matchers}}})"


def quantile(which: float, matchers: str) -> str:
    """Write a quantile of the chosen histogram."""
    return f"histogram_quantile({which:g}, sum by (le) (rate(${{histogram}}_bucket{{{matchers}}}[5m])))"


def firing(matchers: str = "") -> str:
    """Write since when each alert fires, in milliseconds since 1970, with the level of its place as `fog_at`.

    The watchdog, which fires always, is none. Rules of others are among them where a Prometheus has some.
    """
    chosen = f'ALERTS{{alertstate="firing",severity!="none"{matchers}}}'
    found = f"1000 * ({chosen} * ignoring (alertstate) ALERTS_FOR_STATE)"
    for level in range(MOST_TOKENS):
        tokens = "/".join(["[^/]+"] * (level + 1))
        found = f'label_replace({found}, "fog_at", "{level}", "fog_path", "{tokens}")'
    return found
