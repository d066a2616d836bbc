"""The three dashboards, whole."""

from __future__ import annotations

import json
from typing import Final

from deploy.grafana.source import fleet, pipeline, subtree
from deploy.grafana.source.model import CRITICAL, DATASOURCE, SCHEMA_VERSION, Json
from deploy.grafana.source.variables import FLEET, SUBTREE_UID

TAG: Final = "fog"
BURST: Final = 3
"""Times the mean of an hour that a minute's events are more than, to be a line in charts."""


def lines_in_charts(events_of: str, alerts_of: str) -> list[Json]:
    """Make the lines in charts: alerts that fire, and minutes with more events than usual.

    Where events are rare each is a line; where nodes record some all the time they do not hide the chart. PromQL has
    their number alone: the page lists them with names and texts.

    Args:
        events_of: Matchers of the events that are counted.
        alerts_of: Further matchers of the alerts, each after a comma.
    """
    counted = f"telemetry_events_total{{{events_of}}}"
    many = f"sum(increase({counted}[1m])) > {BURST} * sum(rate({counted}[1h])) * 60"
    shown: Json = {"datasource": dict(DATASOURCE), "enable": True, "hide": False, "step": "60s"}
    built_in: Json = {
        "name": "Annotations & Alerts",
        "builtIn": 1,
        "type": "dashboard",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "blue",
    }
    alerts: Json = {
        **shown,
        "name": "Alerts",
        "iconColor": CRITICAL,
        "expr": f'ALERTS{{alertstate="firing",severity!="none"{alerts_of}}}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{fog_path}}",
        "tagKeys": "severity",
    }
    events: Json = {
        **shown,
        "name": "Events",
        "iconColor": "blue",
        "expr": many,
        "titleFormat": "More events than usual",
        "textFormat": "The page lists them: view=events",
    }
    return [built_in, alerts, events]


def links() -> list[Json]:
    """Make the links on top: to the other dashboards, and to the operators' page."""
    shared: Json = {"icon": "external link", "tooltip": "", "asDropdown": False}
    return [
        {
            **shared,
            "title": "Fog",
            "type": "dashboards",
            "tags": [TAG],
            "url": "",
            "keepTime": True,
            "includeVars": True,
            "targetBlank": False,
        },
        {
            **shared,
            "title": "The fog's page",
            "type": "link",
            "tags": [],
            "url": "${page}/",
            "keepTime": False,
            "includeVars": False,
            "targetBlank": True,
        },
    ]


def dashboard(uid: str, title: str, text: str, panels: list[Json], variables: list[Json], lines: list[Json]) -> Json:
    """Put a dashboard together."""
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": text,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "refresh": "30s",
        "fiscalYearStartMonth": 0,
        "links": links(),
        "annotations": {"list": lines},
        "templating": {"list": variables},
        "panels": panels,
    }


def dashboards() -> dict[str, Json]:
    """Make all dashboards, by the name of their file."""
    texts = {
        "fleet": "The whole fleet: how much of it is live, what fires, which branch is behind a change.",
        "subtree": "One place: its nodes, its numbers beside those of its siblings, its children.",
        "pipeline": "Whether the numbers can be believed, what was lost, and what it costs.",
    }
    whole = lines_in_charts(FLEET, "")
    here = lines_in_charts(subtree.HERE, subtree.BELOW)
    return {
        "fleet.json": dashboard("fog-fleet", "Fleet", texts["fleet"], fleet.panels(), fleet.variables(), whole),
        "subtree.json": dashboard(
            SUBTREE_UID, "Subtree", texts["subtree"], subtree.panels(), subtree.variables(), here
        ),
        "pipeline.json": dashboard(
            "fog-pipeline", "Pipeline", texts["pipeline"], pipeline.panels(), pipeline.variables(), whole
        ),
    }


def texts() -> dict[str, str]:
    """Write all dashboards as JSON, by the name of their file."""
    return {name: json.dumps(found, indent=1, ensure_ascii=False) + "\n" for name, found in dashboards().items()}
