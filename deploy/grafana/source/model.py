"""Parts of a Grafana dashboard: queries, panels, variables, links, and the grid that they lie on.

The JSON model of dashboards (Grafana's "Classic" schema) is made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION: Final = 39
"""Of Grafana 10.4 and 11; later versions migrate it when they load it."""
COLUMNS: Final = 24
NEUTRAL, WARNING, CRITICAL = "text", "orange", "red"
"""Grafana's names of colours, which suit its light and its dark theme. Normal is the colour of text."""
ABOVE_ZERO: Final = 1e-9
"""A threshold holds from its value on: this one holds for anything above zero."""
STATES: Final = {
    "live": "#9fb0bf",
    "ended": "#8d9ba8",
    "stale": "#e8b03a",
    "departed": "red",
    "missing": "#56636f",
    "quarantined": "purple",
    "unread": "blue",
}
"""The colour of each state of a node, as on the operators' page: neutral for what is well."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expr: PromQL with Grafana's variables.
        legend: The name of each series, with its labels in double braces.
        instant: Whether it is asked for one moment instead of a range.
    """

    expr: str
    legend: str = ""
    instant: bool = False


Thresholds: TypeAlias = Sequence[tuple[float | None, str]]
"""From which value on a colour holds, the lowest first; None is minus infinity."""

CALM: Final[Thresholds] = ((None, NEUTRAL),)
RED_ABOVE_ZERO: Final[Thresholds] = ((None, NEUTRAL), (ABOVE_ZERO, CRITICAL))
AMBER_ABOVE_ZERO: Final[Thresholds] = ((None, NEUTRAL), (ABOVE_ZERO, WARNING))
SHARE: Final[Thresholds] = ((None, CRITICAL), (0.9, WARNING), (1.0, NEUTRAL))
"""As the page's rail of coverage: red below 90 %, amber below 100 %."""


def _field(unit: str, thresholds: Thresholds, links: Sequence[Json], decimals: int | None, color: str) -> Json:
    found: Json = {
        "unit": unit,
        "color": {"mode": color},
        "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": name} for value, name in thresholds]},
        "mappings": [],
        "links": list(links),
    }
    if decimals is not None:
        found["decimals"] = decimals
    return found


def _panel(kind: str, title: str, text: str, queries: Sequence[Query], field: Json, options: Json) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": dict(DATASOURCE),
        "targets": [_target(place, query, kind) for place, query in enumerate(queries)],
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": options,
    }


def _target(place: int, query: Query, kind: str) -> Json:
    return {
        "refId": f"Q{place + 1}",
        "datasource": dict(DATASOURCE),
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": {"table": "table", "heatmap": "heatmap"}.get(kind, "time_series"),
    }


def stat(
    title: str,
    text: str,
    *queries: Query,
    unit: str = "short",
    thresholds: Thresholds = CALM,
    decimals: int | None = None,
    links: Sequence[Json] = (),
    words: Mapping[int, str] | None = None,
) -> Json:
    """Make a panel of figures, one for each series, with its course behind it.

    Args:
        title: Its title.
        text: Its meaning; Grafana has it behind the title.
        queries: Its queries.
        unit: Grafana's name of the unit.
        thresholds: Its colours.
        decimals: Digits after the point; Grafana chooses without it.
        links: Links of each figure.
        words: Words that stand for values.
    """
    field = _field(unit, thresholds, links, decimals, "thresholds")
    if words:
        found = {str(value): {"text": word} for value, word in words.items()}
        field["mappings"] = [{"type": "value", "options": found}]
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }
    return _panel("stat", title, text, queries, field, options)


def series(
    title: str,
    text: str,
    *queries: Query,
    unit: str = "short",
    thresholds: Thresholds = CALM,
    links: Sequence[Json] = (),
    stacked: bool = False,
) -> Json:
    """Make a chart over time. Lines have gaps where there are no numbers; thresholds beyond the first are drawn."""
    field = _field(unit, thresholds, links, None, "palette-classic")
    field["custom"] = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 60 if stacked else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off" if len(thresholds) == 1 else "line"},
    }
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, text, queries, field, options)


def heatmap(title: str, text: str, query: Query, *, least: str) -> Json:
    """Make a heat map of a histogram's buckets, at steps of `least` and more."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Blues", "scale": "exponential", "exponent": 0.5, "steps": 32},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False},
    }
    panel = _panel("heatmap", title, text, (query,), _field("short", CALM, (), None, "thresholds"), options)
    return {**panel, "interval": least}


def table(
    title: str, text: str, columns: Mapping[str, str], *queries: Query, hidden: Iterable[str] = (), sort: str
) -> Json:
    """Make a table of instant queries, joined by their labels.

    Args:
        title: Its title.
        text: Its meaning.
        columns: The head of each label and value that is shown, in their order; values are `Value #Q1` and so on, or
            `Value` for one query.
        queries: Its queries.
        hidden: Labels that stay out of sight, and that links may use.
        sort: The head of the column that it is sorted by, the largest first.
    """
    queries = tuple(Query(query.expr, query.legend, instant=True) for query in queries)
    options: Json = {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "fields": ""},
        "sortBy": [{"displayName": sort, "desc": True}],
    }
    panel = _panel("table", title, text, queries, _field("short", CALM, (), None, "thresholds"), options)
    order = {name: place for place, name in enumerate([*columns, *hidden])}
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(order)}}},
        {"id": "organize", "options": {"indexByName": order, "renameByName": dict(columns), "excludeByName": {}}},
    ]
    for name in hidden:
        override(panel, name, **{"custom.hidden": True})
    return panel


def override(panel: Json, name: str, **properties: Any) -> Json:
    """Give one field of a panel, by its name, properties of its own; return the panel."""
    found = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    panel["fieldConfig"]["overrides"].append({"matcher": {"id": "byName", "options": name}, "properties": found})
    return panel


def steps(thresholds: Thresholds) -> Json:
    """Make the thresholds of one field."""
    return {"mode": "absolute", "steps": [{"value": value, "color": name} for value, name in thresholds]}


def in_states(panel: Json) -> Json:
    """Give each state of nodes its colour; return the panel."""
    for state, color in STATES.items():
        override(panel, state, color={"mode": "fixed", "fixedColor": color})
    return panel


def row(title: str) -> Json:
    """Make a heading over the panels that follow."""
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def lay_out(*lines: tuple[int, Sequence[tuple[int, Json]]]) -> list[Json]:
    """Put panels on the grid, line by line: the height of a line, and its panels with their widths."""
    placed: list[Json] = []
    y = 0
    for height, panels in lines:
        x = 0
        for width, panel in panels:
            placed.append({"id": len(placed) + 1, **panel, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
            x += width
        y += height
    return placed
