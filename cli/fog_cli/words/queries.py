"""PromQL for a place, as on the page.

Level N has each node's own values at a path that is shorter: so every query names fog_level and fog_path together.
"""

from __future__ import annotations

from dataclasses import dataclass

from fog_cli.words.paths import as_string, parent_of, quoted


@dataclass(frozen=True, slots=True)
class Metric:
    """A family: its name, and its type, counter, gauge or histogram."""

    name: str
    type: str


def level_of(path: str) -> int:
    """Return the level of a place; -1 for the whole fleet, which is on none."""
    return path.count("/") if path else -1


def at(path: str) -> str:
    """Return the labels of a place's own total."""
    return f'fog_level="{level_of(path)}",fog_path={as_string(path)}' if path else ""


def below(path: str) -> str:
    """Return the labels of a place's children."""
    if not path:
        return 'fog_level="0"'
    return f'fog_level="{level_of(path) + 1}",fog_path=~{as_string(quoted(path) + "/[^/]+")}'


def beside(path: str) -> str:
    """Return the labels of a place's siblings, itself among them."""
    parent = parent_of(path)
    return f'fog_level="{level_of(path)}",fog_path=~{as_string(quoted(parent) + "/[^/]+")}' if parent else at(path)


def of_node(path: str) -> str:
    """Return the labels of a node's own series."""
    return f"fog_node={as_string(path)}"


def expression(metric: Metric, where: str, *, window: str = "5m", by: str = "") -> str:
    """Return the expression of a metric at places: a rate, the 99th percentile, or an average."""
    name, braces = metric.name, f"{{{where}}}" if where else "{}"
    by_label = f"sum by ({by})" if by else "sum"
    if metric.type == "counter":
        return f"{by_label} (rate({name}{braces}[{window}]))"
    if metric.type == "histogram":
        within = f"le,{by}" if by else "le"
        return f"histogram_quantile(0.99, sum by ({within}) (rate({name}_bucket{braces}[{window}])))"
    stat = "" if where.startswith("fog_node=") else 'stat=~"|avg"'
    labels = ",".join(filter(None, (where, stat)))
    return f"{f'avg by ({by})' if by else 'avg'} ({name}{{{labels}}})"


def band(metric: Metric, path: str, quantile: float, *, window: str) -> str:
    """Return a quantile over the siblings of a place."""
    return f"quantile({quantile}, {expression(metric, beside(path), window=window, by='fog_path')})"


def window_of(least: float) -> str:
    """Return the window of rates: five minutes, or as many seconds as they must be taken over (`least_window`)."""
    seconds = max(300, round(least))
    return f"{seconds}s" if seconds % 60 else f"{seconds // 60}m"
