"""Schemas of the page's answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from fog_aggregator.analysis.problems import SEVERITIES
from fog_aggregator.analysis.problems import STATES as PROBLEM_STATES
from fog_aggregator.components.http.openapi import (
    LABELS,
    NUMBER,
    TEXT,
    WHOLE,
    list_of,
    map_of,
    object_of,
    or_null,
    ref_to,
)

PAGE_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Problems": object_of(
        {
            "path": TEXT,
            "held": {"type": "string", "description": "why no alert fires or resolves now; empty when they may"},
            **dict.fromkeys(("total", "offset", "limit"), WHOLE),
            "alerts": object_of(dict.fromkeys((*PROBLEM_STATES, "suppressed"), WHOLE)),
            "problems": list_of(ref_to("Problem")),
            "nodes": list_of(
                object_of({"state": TEXT, "nodes": WHOLE, "groups": list_of(ref_to("NodeGroup")), "left_out": WHOLE})
            ),
            "resolved": list_of(
                object_of(
                    {**dict.fromkeys(("alert", "title", "path", "severity"), TEXT), "since": NUMBER, "until": NUMBER}
                )
            ),
            "new": object_of({"seconds": NUMBER, "flood": WHOLE, "counts": list_of(WHOLE)}),
        }
    ),
    "NodeGroup": object_of({"path": TEXT, "nodes": WHOLE, "of": WHOLE, "first": NUMBER, "last": NUMBER}),
    "Problem": object_of(
        {
            **dict.fromkeys(("number", "nodes", "of", "alerts"), WHOLE),
            **dict.fromkeys(("alert", "title", "path", "text", "query"), TEXT),
            "state": {"type": "string", "enum": list(PROBLEM_STATES)},
            "severity": {"type": "string", "enum": list(SEVERITIES)},
            "since": NUMBER,
            "suppressed": map_of(WHOLE),
            "hold_seconds": NUMBER,
            **dict.fromkeys(("fires_at", "silenced_until"), or_null(NUMBER)),
            "annotations": map_of(TEXT),
            "members": list_of(ref_to("ProblemAlert")),
        }
    ),
    "ProblemAlert": object_of(
        {
            "labels": LABELS,
            "path": TEXT,
            "value": {"anyOf": [NUMBER, TEXT]},
            "since": NUMBER,
            "nodes_behind": WHOLE,
        }
    ),
}
