"""Schemas of the answers about the past, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from fog_aggregator.components.http.openapi import (
    FLAG,
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

_PART: Final = {"before": NUMBER, "after": NUMBER, "change": NUMBER}
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
    "Changes": object_of(
        {
            "path": TEXT,
            "from": NUMBER,
            "to": NUMBER,
            "since": or_null(NUMBER),
            "metrics": WHOLE,
            "compared": WHOLE,
            "least_window": WHOLE,
            "names": list_of(TEXT),
            "changes": list_of(
                object_of(
                    {
                        **dict.fromkeys(("metric", "type", "query", "where"), TEXT),
                        "quantile": or_null(NUMBER),
                        **dict.fromkeys(("before", "now", "size"), _NUMBER),
                        "way": list_of(object_of({"path": TEXT, "share": NUMBER})),
                    }
                )
            ),
            "warnings": list_of(TEXT),
        }
    ),
    "Likeness": object_of(
        {
            "path": TEXT,
            "time": NUMBER,
            **dict.fromkeys(("total", "offset", "limit", "siblings", "places", "least_window"), WHOLE),
            "metrics": list_of(
                object_of(
                    {
                        **dict.fromkeys(("metric", "type"), TEXT),
                        **dict.fromkeys(("quantile", "value"), or_null(NUMBER)),
                        **dict.fromkeys(("siblings", "all"), or_null(ref_to("BesideOthers"))),
                    }
                )
            ),
        }
    ),
    "Unlike": object_of(
        {
            "path": TEXT,
            "time": NUMBER,
            **dict.fromkeys(("total", "offset", "limit", "children", "compared", "least_window"), WHOLE),
            "metrics": list_of(
                object_of(
                    {
                        "metric": TEXT,
                        "places": list_of(
                            object_of({"path": TEXT, **dict.fromkeys(("value", "ratio", "distance"), _NUMBER)})
                        ),
                    }
                )
            ),
        }
    ),
    "BesideOthers": object_of({"ratio": _NUMBER, "distance": _NUMBER, "unlike": FLAG}),
    "Blame": object_of(
        {
            "query": TEXT,
            "path": TEXT,
            "from": NUMBER,
            "to": NUMBER,
            "found": object_of({"path": TEXT, "share": or_null(NUMBER), "reason": TEXT}),
            "places": list_of(
                object_of(
                    {
                        "path": TEXT,
                        **_PART,
                        "share": or_null(NUMBER),
                        "rest": NUMBER,
                        "children": list_of(ref_to("BlamedChild")),
                        "left_out": WHOLE,
                    }
                )
            ),
            "warnings": list_of(TEXT),
        }
    ),
    "BlamedChild": object_of(
        {
            "path": TEXT,
            "own": FLAG,
            **_PART,
            "contribution": or_null(NUMBER),
            "surprise": NUMBER,
            "distance": or_null(NUMBER),
            "suspect": FLAG,
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
