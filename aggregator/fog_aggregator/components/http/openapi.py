"""The OpenAPI document, made from the route table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fog_aggregator.components.http.output import JSON
from fog_aggregator.components.http.parameters import STATES, Parameter
from fog_aggregator.components.http.routes import Route
from fog_schema import __version__

_ERRORS: Final = {
    400: "a parameter is unknown, missing or malformed",
    403: "the Host header names another server",
    404: "nothing is there",
    405: "only GET and HEAD are answered",
    503: "not ready, or busy",
}
_ALWAYS: Final = (400, 403, 405)


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Return a schema of an object that has all of these, but for the optional ones, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_NUMBER: Final = {"type": "number"}
_FLAG: Final = {"type": "boolean"}
_ANY: Final[dict[str, Any]] = {}
_LABELS: Final = _map(_TEXT)
_STATE: Final = {"type": "string", "enum": list(STATES)}
_COUNTED: Final = {
    "count": _WHOLE,
    "nodes": _object({"live": _WHOLE, "stale": _WHOLE, "departed": _WHOLE}),
    "oldest_frame_age_seconds": _NUMBER,
}
_PLACE: Final = {
    "path": _TEXT,
    "name": _TEXT,
    "state": _or_null(_STATE),
    "children": _list(_ref("Place")),
    **_COUNTED,
}
_VALUE: Final = {
    "anyOf": [
        _NUMBER,
        {"type": "string", "enum": ["NaN", "+Inf", "-Inf"]},
        _object({"counts": _list(_WHOLE), "sum": {"anyOf": [_NUMBER, _TEXT]}, "count": _WHOLE}),
        _object({"count": _NUMBER, "sum": _NUMBER, "min": _NUMBER, "max": _NUMBER}),
    ],
    "description": "a histogram's counts are of each bucket alone, the last is +Inf's; a branch's gauge is merged",
}

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Error": _object({"error": {"type": "string", "description": "one line for people"}}),
    "Snapshot": _object(
        {
            "timestamp": _NUMBER,
            "metrics": _map({"anyOf": [_ref("Value"), _list(_ref("Value"))]}),
            "events_count": _WHOLE,
            "running": _FLAG,
        }
    ),
    "Value": _object({"value": {"anyOf": [_NUMBER, _TEXT]}, "labels": _LABELS, "timestamp": _NUMBER}),
    "Coverage": _object(dict(_COUNTED)),
    "Place": _object(_PLACE),
    "Tree": _object({**_PLACE, "depth": _WHOLE}),
    "Nodes": _object({"total": _WHOLE, "offset": _WHOLE, "limit": _WHOLE, "nodes": _list(_ref("Node"))}),
    "Node": _object(
        {
            "path": _TEXT,
            "state": _STATE,
            "last_heard_age_seconds": _or_null(_NUMBER),
            "interval_seconds": _NUMBER,
            "epochs": _WHOLE,
            "series": _WHOLE,
            "gaps": _WHOLE,
            "awaits_keyframe": _FLAG,
            "folded": _WHOLE,
            "baselines": _WHOLE,
            "ephemeral": _FLAG,
            "branch": _FLAG,
            "first_heard": _NUMBER,
            "info": _map(_TEXT),
        }
    ),
    "Events": _object(
        {"kept": _WHOLE, "total": _WHOLE, "repeated": _WHOLE, "lost": _WHOLE, "events": _list(_ref("Event"))}
    ),
    "Event": _object(
        {
            "path": _TEXT,
            "epoch": _TEXT,
            "number": _WHOLE,
            "received": _NUMBER,
            "timestamp": _NUMBER,
            "name": _TEXT,
            "value": _ANY,
            "labels": _LABELS,
            "metadata": _map(_ANY),
        }
    ),
    "Explanation": _object(
        {
            "path": _TEXT,
            "name": _TEXT,
            "families": _list(
                _object({"type": _TEXT, "unit": _TEXT, "help": _TEXT, "bounds": _list(_NUMBER), "rollup": _list(_TEXT)})
            ),
            "total": _list(_ref("Sample")),
            "coverage": _ref("Coverage"),
            "node": _or_null(
                _object(
                    {
                        "branch": _FLAG,
                        "epochs": _list(_ref("Epoch")),
                        "closed": _list(_ref("Held")),
                        "folded": _WHOLE,
                        "baselines": _WHOLE,
                    }
                )
            ),
            "children": _list(_object({"path": _TEXT, "coverage": _ref("Coverage"), "own": _FLAG})),
            "contributions": _list(_ref("Sample")),
        }
    ),
    "Sample": _object({"labels": _LABELS, "value": _VALUE, "created": _or_null(_NUMBER)}),
    "Epoch": _object(
        {
            "epoch": _TEXT,
            "seq": _WHOLE,
            "born": _NUMBER,
            "heard": _NUMBER,
            "shared": _FLAG,
            "gaps": _WHOLE,
            "awaits_keyframe": _FLAG,
            "keyframes": _WHOLE,
            "returning": _FLAG,
            "values": _list(_ref("Held")),
        }
    ),
    "Held": _object({"id": _WHOLE, "labels": _LABELS, "value": _VALUE, "fractional": _FLAG, "live": _FLAG}),
    "Retired": _object(
        {
            "families": _list(_object({"name": _TEXT, "type": _TEXT, "counted": _NUMBER})),
            "groups": _list(_object({"path": _TEXT, "series": _WHOLE})),
        }
    ),
    "Conflicts": _object({"families": _list(_object({"name": _TEXT, "versions": _list(_ref("Version"))}))}),
    "Version": _object(
        {
            "type": _TEXT,
            "unit": _TEXT,
            "help": _TEXT,
            "bounds": _list(_NUMBER),
            "shown": _FLAG,
            "nodes": _WHOLE,
            "paths": _list(_TEXT),
        }
    ),
    "Status": _object(
        {
            "ready": _FLAG,
            "reason": _TEXT,
            "now": _NUMBER,
            "version": _TEXT,
            "wire_version": _WHOLE,
            "coverage": _ref("Coverage"),
            "versions": _map(_WHOLE),
            "series": _WHOLE,
            "streams": _list(_ref("Stream")),
        }
    ),
    "Stream": _object(
        {
            "name": _TEXT,
            "sequence": _WHOLE,
            "last_sequence": _WHOLE,
            "lag": _WHOLE,
            "bytes": _WHOLE,
            "max_bytes": _or_null(_WHOLE),
            "seconds_until_gap": _or_null(_NUMBER),
            "restarts": _map(_WHOLE),
        }
    ),
    "OpenAPI": {"type": "object"},
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document for some routes."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "UtilityFog telemetry aggregator", "version": __version__},
        "paths": {route.path: {"get": _operation(route)} for route in routes},
        "components": {"schemas": SCHEMAS},
    }


def _operation(route: Route) -> dict[str, Any]:
    schema = _ref(route.schema) if route.schema else _TEXT
    responses: dict[str, Any] = {
        "200": {"description": route.summary, "content": {media: {"schema": schema} for media in route.media}}
    }
    media, error = (JSON, _ref("Error")) if route.path.startswith("/api/") else ("text/plain", _TEXT)
    for code in sorted((*_ALWAYS, *route.errors)):
        responses[str(code)] = {"description": _ERRORS[code], "content": {media: {"schema": error}}}
    return {
        "summary": route.summary,
        "parameters": [described for parameter in route.parameters for described in _parameters(parameter)],
        "responses": responses,
    }


def _parameters(parameter: Parameter) -> list[dict[str, Any]]:
    """Return a parameter, and the same by its other name."""
    schema: Mapping[str, Any] = parameter.schema
    if parameter.most > 1:
        schema = {"type": "array", "items": schema, "maxItems": parameter.most}
    one = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "required": parameter.required,
        "schema": schema,
    }
    if not parameter.alias:
        return [one]
    return [one, {**one, "name": parameter.alias, "description": f"the same as {parameter.name}, as scrapers send it"}]
