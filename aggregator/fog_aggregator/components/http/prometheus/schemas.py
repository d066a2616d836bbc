"""Schemas of the API's answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from fog_aggregator.components.http.openapi import (
    ANY,
    LABELS,
    NUMBER,
    TEXT,
    WHOLE,
    list_of,
    map_of,
    object_of,
    ref_to,
)

_TEXTS: Final = list_of(TEXT)
_STATES: Final = {"type": "string", "enum": ["inactive", "pending", "firing"]}


def _answer(data: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an answer with some data."""
    success = {"type": "string", "enum": ["success"]}
    return object_of({"status": success, "data": data, "warnings": _TEXTS, "infos": _TEXTS}, "warnings", "infos")


_COUNTS: Final = list_of(object_of({"name": TEXT, "value": WHOLE}))
_EVALUATED: Final = {"health": TEXT, "lastError": TEXT, "evaluationTime": NUMBER, "lastEvaluation": TEXT, "type": TEXT}

API_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "ApiError": object_of(
        {
            "status": {"type": "string", "enum": ["error"]},
            "errorType": {
                "type": "string",
                "enum": ["bad_data", "execution", "timeout", "canceled", "unavailable", "internal"],
            },
            "error": {"type": "string", "description": "for people"},
        }
    ),
    "QueryAnswer": _answer(
        object_of(
            {
                "resultType": {"type": "string", "enum": ["vector", "matrix", "scalar", "string"]},
                "result": list_of({"anyOf": [ref_to("SeriesResult"), NUMBER, TEXT]}),
            }
        )
    ),
    "SeriesResult": object_of(
        {"metric": LABELS, "value": list_of(ANY), "values": list_of(list_of(ANY))}, "value", "values"
    ),
    "TextAnswer": _answer(TEXT),
    "TextsAnswer": _answer(_TEXTS),
    "EmptyAnswer": _answer(list_of(ANY)),
    "SeriesAnswer": _answer(list_of(LABELS)),
    "MetadataAnswer": _answer(map_of(list_of(object_of({"type": TEXT, "help": TEXT, "unit": TEXT})))),
    "RulesAnswer": _answer(object_of({"groups": list_of(ref_to("RuleGroup"))})),
    "RuleGroup": object_of(
        {
            "name": TEXT,
            "file": TEXT,
            "rules": list_of({"anyOf": [ref_to("AlertingRule"), ref_to("RecordingRule")]}),
            "interval": NUMBER,
            "limit": WHOLE,
            "evaluationTime": NUMBER,
            "lastEvaluation": TEXT,
        }
    ),
    "AlertingRule": object_of(
        {
            "state": _STATES,
            "name": TEXT,
            "query": TEXT,
            "duration": NUMBER,
            "keepFiringFor": NUMBER,
            "labels": LABELS,
            "annotations": LABELS,
            "alerts": list_of(ref_to("Alert")),
            **_EVALUATED,
        },
        "lastError",
    ),
    "RecordingRule": object_of({"name": TEXT, "query": TEXT, "labels": LABELS, **_EVALUATED}, "lastError"),
    "Alert": object_of(
        {
            "labels": LABELS,
            "annotations": LABELS,
            "state": _STATES,
            "activeAt": TEXT,
            "keepFiringSince": TEXT,
            "value": TEXT,
            "heldSince": TEXT,
            "suppressedBy": TEXT,
            "nodesBehind": WHOLE,
        },
        "keepFiringSince",
        "heldSince",
        "suppressedBy",
        "nodesBehind",
    ),
    "AlertsAnswer": _answer(object_of({"alerts": list_of(ref_to("Alert"))})),
    "TargetsAnswer": _answer(object_of({"activeTargets": list_of(ANY), "droppedTargets": list_of(ANY)})),
    "PoolsAnswer": _answer(object_of({"scrapePools": _TEXTS})),
    "AlertmanagersAnswer": _answer(
        object_of({"activeAlertmanagers": list_of(ANY), "droppedAlertmanagers": list_of(ANY)})
    ),
    "BuildAnswer": _answer(map_of(TEXT)),
    "CardinalityAnswer": _answer(
        object_of(
            {
                "headStats": map_of(WHOLE),
                "seriesCountByMetricName": _COUNTS,
                "labelValueCountByLabelName": _COUNTS,
                "memoryInBytesByLabelName": _COUNTS,
                "seriesCountByLabelValuePair": _COUNTS,
            }
        )
    ),
}
