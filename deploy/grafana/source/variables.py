"""The variables and links that all dashboards share, and the two ways to name numbers: of the fleet and of a level."""

from __future__ import annotations

from typing import Final

from deploy.grafana.source.model import DATASOURCE, Json

FLEET: Final = 'job=~"$fleet"'
"""The matcher of the whole fleet's numbers, and of the aggregator's own.

A Prometheus has them from the job `fog`. An aggregator's own answers have no job, which `fog|` matches as well: so one
set of dashboards serves both, and counts nothing twice in either.
"""
LEVEL: Final = 'job=~"$branches",fog_level="$level"'
"""The matchers of the groups of a level."""
OURS: Final = '__name__!~"(fog|telemetry|scrape)_.+|up"'
"""Leaves out the system's own metrics, which the pipeline's dashboard shows, and those of scrapes."""
NO_GAUGE: Final = '__name__!~".+_(total|bucket|count|sum|created|info)"'
"""Leaves out names that are those of counters, histograms and facts."""
SUBTREE_UID: Final = "fog-subtree"
SPAN: Final = "from=${__from:date:seconds}&to=${__to:date:seconds}"
"""The span of time in an address of the operators' page."""


def constant(name: str, value: str, text: str) -> Json:
    """Make a variable that is not shown and is changed in the dashboard's settings alone."""
    chosen = {"text": value, "value": value, "selected": True}
    return {
        "type": "constant",
        "name": name,
        "description": text,
        "hide": 2,
        "skipUrlSync": True,
        "query": value,
        "current": chosen,
        "options": [chosen],
    }


def asked(
    name: str, label: str, query: str, *, regex: str = "", first: str = "", hidden: bool = False, numbers: bool = False
) -> Json:
    """Make a variable whose values the data source lists, anew when the span of time changes.

    Args:
        name: Its name.
        label: Its name for people.
        query: `label_values(…)` or `query_result(…)`.
        regex: Takes the value out of each line.
        first: The value that is chosen at first, if it is there.
        hidden: Whether it is computed and not shown.
        numbers: Whether the values are sorted as numbers.
    """
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": dict(DATASOURCE),
        "definition": query,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "regex": regex,
        "refresh": 2,
        "sort": 3 if numbers else 1,
        "hide": 2 if hidden else 0,
        "includeAll": False,
        "multi": False,
        "current": {"text": first, "value": first, "selected": True} if first else {},
        "options": [],
    }


def datasource() -> Json:
    """Make the variable that chooses between an aggregator and a Prometheus."""
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Source",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "current": {"text": "Fog aggregator", "value": "fog-aggregator", "selected": True},
        "options": [],
    }


def page() -> Json:
    """Make the variable with the address of the operators' page, which links lead to."""
    chosen = {"text": "http://127.0.0.1:10364", "value": "http://127.0.0.1:10364", "selected": True}
    return {
        "type": "textbox",
        "name": "page",
        "label": "Page",
        "description": "Where the operators' page of the aggregator is, for the links",
        "hide": 0,
        "query": chosen["value"],
        "current": chosen,
        "options": [chosen],
    }


def jobs() -> list[Json]:
    """Make the two variables that name the jobs of deploy/prometheus.yml."""
    empty = "the empty one is that of an aggregator's own answers"
    return [
        constant("fleet", "fog|", f"The job that scrapes the whole fleet; {empty}"),
        constant("branches", "fog_branches(_.+)?|", f"The jobs that scrape a level each; {empty}"),
    ]


def level() -> Json:
    """Make the variable of the level. An aggregator has all levels, a Prometheus those that it scrapes."""
    query = 'label_values(fog_aggregator_nodes{job=~"$branches"},fog_level)'
    return asked("level", "Level", query, first="1", numbers=True)


def metrics(of: str) -> list[Json]:
    """Make the variables of the metrics that a fleet has, of the series that matchers choose."""
    every = f"{{{of},{OURS}"
    return [
        asked("counter", "Counter", f'label_values({every},__name__=~".+_total"}},__name__)'),
        asked("histogram", "Histogram", f'label_values({every},le!=""}},__name__)', regex="/(.+)_bucket/"),
        asked("gauge", "Gauge", f'label_values({every},{NO_GAUGE},__name__=~".+"}},__name__)'),
    ]


def open_subtree(level: str, path: str, *, metrics_too: bool = True) -> Json:
    """Make a link to a place's dashboard, which keeps the span of time and what was chosen."""
    kept = ["datasource", "page", *(("counter", "histogram", "gauge") if metrics_too else ())]
    chosen = "&".join(f"${{{name}:queryparam}}" for name in kept)
    url = f"/d/{SUBTREE_UID}?{chosen}&var-level={level}&var-path={path}&${{__url_time_range}}"
    return {"title": "Open the subtree", "url": url, "targetBlank": False}


def open_page(path: str, view: str = "") -> Json:
    """Make a link to a place on the operators' page, with the same span of time."""
    shown = f"view={view}&" if view else ""
    return {"title": "Open on the fog's page", "url": f"${{page}}/#/{path}?{shown}{SPAN}", "targetBlank": True}


def open_both(level: str, path: str) -> list[Json]:
    """Make the links that a place has in every table and legend."""
    return [open_subtree(level, path), open_page(path)]
