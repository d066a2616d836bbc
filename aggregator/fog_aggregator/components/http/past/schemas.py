"""Schemas of the answers about the past, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from fog_aggregator.components.http.openapi import (
    FLAG,
    LABELS,
    NUMBER,
    TEXT,
    list_of,
    map_of,
    object_of,
    or_null,
    ref_to,
)

_NUMBER: Final = {"anyOf": [NUMBER, TEXT]}

PAST_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Moment": object_of(
        {
            "timestamp": NUMBER,
            "metrics": map_of({"anyOf": [ref_to("Value"), list_of(ref_to("Value")), list_of(ref_to("Change"))]}),
            "path": TEXT,
            "own": FLAG,
            "since": or_null(NUMBER),
        }
    ),
    "Change": {
        "anyOf": [
            object_of({"change": _NUMBER, "labels": LABELS}),
            object_of({"from": or_null(_NUMBER), "to": or_null(_NUMBER), "labels": LABELS}),
        ],
        "description": "how much was counted, or both values of a gauge: null where it was not there",
    },
}
