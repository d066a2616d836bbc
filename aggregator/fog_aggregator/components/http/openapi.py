"""The OpenAPI document, made from the route table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fog_aggregator.components.http.access.guard import Reach
from fog_aggregator.components.http.parameters import STATES, Parameter
from fog_aggregator.components.http.routes import Route
from fog_aggregator.core.places.coverage import Life
from fog_schema import __version__

_ERRORS: Final = {
    304: "nothing has changed since the answer with the ETag of If-None-Match",
    400: "a parameter is unknown, missing or malformed",
    401: "a login is needed, where logins are asked for",
    403: "the Host header names another server, or the login does not show this",
    404: "nothing is there",
    405: "only GET and HEAD are answered, and POST where it is described",
    409: "the login has as many silences as it may, or all logins have",
    422: "the expression cannot be evaluated on these series, or takes more than it may",
    502: "the aggregator of the branch does not answer",
    503: "not ready, or busy",
    508: "the question came back to where it was passed on",
}
_UNCHANGED: Final = 304
_UNREADABLE: Final = 400
"""A request line or a header above 8 kB is refused so, as text, before its route is known."""
_ALWAYS: Final = (400, 401, 403, 405)
_PASSED_ON: Final = (404, 502, 508)
_PLACES: Final = re.compile(r"\{(\w+)\}")
FORM: Final = "application/x-www-form-urlencoded"


def object_of(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Return a schema of an object that has all of these, but for the optional ones, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def list_of(items: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of a list."""
    return {"type": "array", "items": items}


def map_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of an object with any names."""
    return {"type": "object", "additionalProperties": values}


def ref_to(name: str) -> dict[str, Any]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Final = {"type": "string"}
WHOLE: Final = {"type": "integer"}
NUMBER: Final = {"type": "number"}
FLAG: Final = {"type": "boolean"}
ANY: Final[dict[str, Any]] = {}
LABELS: Final = map_of(TEXT)
_STATE: Final = {"type": "string", "enum": list(STATES)}
_COUNTED: Final = {
    "count": WHOLE,
    "nodes": object_of(dict.fromkeys((life.label for life in Life), WHOLE)),
    "oldest_frame_age_seconds": NUMBER,
    "gapped": {"type": "integer", "description": "live nodes whose counts wait for a keyframe"},
}
_PLACE: Final = {
    "path": TEXT,
    "name": TEXT,
    "state": or_null(_STATE),
    "branch": {"type": "boolean", "description": "whether an aggregator of its own tells what lies below"},
    "children": list_of(ref_to("Place")),
    **_COUNTED,
}
_VALUE: Final = {
    "anyOf": [
        NUMBER,
        {"type": "string", "enum": ["NaN", "+Inf", "-Inf"]},
        object_of({"counts": list_of(WHOLE), "sum": {"anyOf": [NUMBER, TEXT]}, "count": WHOLE}),
        object_of({"count": NUMBER, "sum": NUMBER, "min": NUMBER, "max": NUMBER}),
    ],
    "description": "a histogram's counts are of each bucket alone, the last is +Inf's; a branch's gauge is merged",
}

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Error": object_of({"error": {"type": "string", "description": "one line for people"}}),
    "Snapshot": object_of(
        {
            "timestamp": NUMBER,
            "metrics": map_of({"anyOf": [ref_to("Value"), list_of(ref_to("Value"))]}),
            "events_count": WHOLE,
            "running": FLAG,
            "missing": list_of(object_of({"path": TEXT, "why": TEXT})),
        },
        "missing",
    ),
    "Value": object_of({"value": {"anyOf": [NUMBER, TEXT]}, "labels": LABELS, "timestamp": NUMBER}),
    "Coverage": object_of(dict(_COUNTED)),
    "Place": object_of(_PLACE),
    "Tree": {"anyOf": [object_of({**_PLACE, "depth": WHOLE}), ref_to("Columns"), ref_to("Layer")]},
    "Columns": object_of(
        {
            "path": TEXT,
            "shape": {"type": "string", "description": "equal where paths and their order are"},
            "levels": list_of(WHOLE),
            "names": object_of({"shared": TEXT, "rests": TEXT}),
            "children": list_of(WHOLE),
            "states": TEXT,
            "letters": map_of(TEXT),
            **dict.fromkeys(
                ("branches", "missing", "unread"), list_of(object_of({"path": TEXT, "nodes": list_of(WHOLE)}))
            ),
        }
    ),
    "Layer": object_of(
        {
            "path": TEXT,
            "shape": TEXT,
            "metric": TEXT,
            "query": {"type": "string", "description": "the expression of a node's value"},
            "time": NUMBER,
            "means_of_level": or_null(WHOLE)
            | {"description": "the level of whose places nodes have the mean, where none below has a past"},
            "type": {"type": "string", "enum": ["float16", "float32"]},
            "scale": NUMBER,
            "data": {"type": "string", "description": "base64 of a little-endian float for each place, NaN without"},
            "warnings": list_of(TEXT),
        }
    ),
    "Nodes": object_of(
        {
            **dict.fromkeys(("total", "offset", "limit"), WHOLE),
            "states": object_of(dict.fromkeys(STATES, WHOLE)),
            "next": or_null(TEXT),
            "nodes": list_of(ref_to("Node")),
        }
    ),
    "Node": object_of(
        {
            "path": TEXT,
            "state": _STATE,
            "last_heard_age_seconds": or_null(NUMBER),
            "interval_seconds": NUMBER,
            "epochs": WHOLE,
            "series": WHOLE,
            "gaps": WHOLE,
            "awaits_keyframe": FLAG,
            "folded": WHOLE,
            "baselines": WHOLE,
            "ephemeral": FLAG,
            "branch": FLAG,
            "first_heard": NUMBER,
            "info": map_of(TEXT),
            **dict.fromkeys(("frames", "bytes", "refused"), WHOLE),
            "cpu_seconds": NUMBER,
        }
    ),
    "Events": object_of(
        {
            **dict.fromkeys(("kept", "total", "repeated", "lost", "evicted"), or_null(WHOLE)),
            "next": or_null(TEXT),
            "events": list_of(ref_to("Event")),
        }
    ),
    "Event": object_of(
        {
            "path": TEXT,
            "epoch": TEXT,
            "number": WHOLE,
            "received": NUMBER,
            "timestamp": NUMBER,
            "name": TEXT,
            "value": ANY,
            "labels": LABELS,
            "metadata": map_of(ANY),
        }
    ),
    "Explanation": object_of(
        {
            "path": TEXT,
            "name": TEXT,
            "families": list_of(
                object_of(
                    {"type": TEXT, "unit": TEXT, "help": TEXT, "bounds": list_of(NUMBER), "rollup": list_of(TEXT)}
                )
            ),
            "total": list_of(ref_to("Sample")),
            "coverage": ref_to("Coverage"),
            "node": or_null(
                object_of(
                    {
                        "branch": FLAG,
                        "epochs": list_of(ref_to("Epoch")),
                        "closed": list_of(ref_to("Held")),
                        "folded": WHOLE,
                        "baselines": WHOLE,
                        "quarantined": or_null(
                            {"type": "string", "description": "why an operator has taken it out of all numbers"}
                        ),
                    }
                )
            ),
            "children": list_of(object_of({"path": TEXT, "coverage": ref_to("Coverage"), "own": FLAG})),
            "contributions": list_of(ref_to("Sample")),
            "saturated": {"type": "boolean", "description": "a sum stays at 2^63 - 1: the true one is larger"},
        }
    ),
    "Sample": object_of({"labels": LABELS, "value": _VALUE, "created": or_null(NUMBER)}),
    "Epoch": object_of(
        {
            "epoch": TEXT,
            "seq": WHOLE,
            "born": NUMBER,
            "heard": NUMBER,
            "shared": FLAG,
            "gaps": WHOLE,
            "awaits_keyframe": FLAG,
            "keyframes": WHOLE,
            "returning": FLAG,
            "values": list_of(ref_to("Held")),
        }
    ),
    "Held": object_of({"id": WHOLE, "labels": LABELS, "value": _VALUE, "fractional": FLAG, "live": FLAG}),
    "Retired": object_of(
        {
            "families": list_of(object_of({"name": TEXT, "type": TEXT, "counted": NUMBER})),
            "groups": list_of(object_of({"path": TEXT, "series": WHOLE})),
        }
    ),
    "Conflicts": object_of(
        {
            **dict.fromkeys(("total", "offset", "limit"), WHOLE),
            "families": list_of(object_of({"name": TEXT, "versions": list_of(ref_to("Version"))})),
        }
    ),
    "Version": object_of(
        {
            "type": TEXT,
            "unit": TEXT,
            "help": TEXT,
            "rollup": list_of(TEXT),
            "bounds": list_of(NUMBER),
            "shown": FLAG,
            "nodes": WHOLE,
            "paths": list_of(TEXT),
            "counted": NUMBER,
            "counted_at": list_of(TEXT),
        }
    ),
    "Silences": list_of(ref_to("Silence")),
    "MadeSilence": object_of({"silenceID": TEXT}),
    "Silence": object_of(
        {
            **dict.fromkeys(("id", "updatedAt", "comment", "createdBy", "startsAt", "endsAt", "path"), TEXT),
            "status": object_of({"state": {"type": "string", "enum": ["pending", "active", "expired"]}}),
            "matchers": list_of(object_of({"name": TEXT, "value": TEXT, "isRegex": FLAG, "isEqual": FLAG})),
        }
    ),
    "Status": object_of(
        {
            "ready": FLAG,
            "reason": TEXT,
            "connected": FLAG,
            "current": FLAG,
            "now": NUMBER,
            "version": TEXT,
            "wire_version": WHOLE,
            "path": {"type": "string", "description": "the part of the tree that the login shows; empty for all"},
            "coverage": ref_to("Coverage"),
            "versions": map_of(WHOLE),
            "series": WHOLE,
            "quarantined": list_of(ref_to("Quarantine")),
            "unread": list_of(object_of({"path": TEXT, "nodes": WHOLE})),
            "lost_branches": list_of(TEXT),
            "commands_unread": map_of(TEXT),
            "can": {
                "type": "array",
                "items": TEXT,
                "description": "what this login may change over HTTP: `silence`, or nothing",
            },
            "streams": list_of(ref_to("Stream")),
            "levels_kept": {
                "type": "array",
                "items": WHOLE,
                "description": "the levels whose past there is; none before the history's first step, or without one",
            },
            "pair": list_of(object_of({"ready": FLAG, "age_seconds": NUMBER, "silent": FLAG})),
            "memory": or_null(ref_to("Memory")),
        }
    ),
    "Memory": object_of({"limit_bytes": WHOLE, "bytes": map_of(WHOLE), "refused": map_of(WHOLE)}),
    "Quarantine": object_of({"path": TEXT, "since": NUMBER, "why": TEXT, "author": TEXT}),
    "Stream": object_of(
        {
            "name": TEXT,
            "sequence": WHOLE,
            "last_sequence": WHOLE,
            "lag": WHOLE,
            "bytes": WHOLE,
            "max_bytes": or_null(WHOLE),
            "seconds_until_gap": or_null(NUMBER),
            "restarts": map_of(WHOLE),
        }
    ),
    "OpenAPI": {"type": "object"},
}


def document(
    routes: Iterable[Route], more: Mapping[str, dict[str, Any]], prefix: str = "", *, logins: bool = False
) -> dict[str, Any]:
    """Return the document for some routes.

    Args:
        routes: Everything that is served.
        more: The schemas that are not of `SCHEMAS`.
        prefix: The beginning of all paths.
        logins: Whether a login is asked for.
    """
    components: dict[str, Any] = {"schemas": {**SCHEMAS, **more}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "UtilityFog telemetry aggregator", "version": __version__},
        "servers": [{"url": prefix or "/"}],
        "paths": {
            route.path: {method.lower(): _operation(route, method) for method in route.methods} for route in routes
        },
        "components": components | ({"securitySchemes": _LOGINS} if logins else {}),
        **({"security": [{name: []} for name in _LOGINS]} if logins else {}),
    }


_LOGINS: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "a token of `fog token`"},
    "password": {"type": "http", "scheme": "basic", "description": "a name, with its token or password"},
}


def _operation(route: Route, method: str) -> dict[str, Any]:
    schema = ref_to(route.schema) if route.schema else TEXT
    responses: dict[str, Any] = {
        "200": {"description": route.summary, "content": {media: {"schema": schema} for media in route.media}}
    }
    for code in sorted({*_ALWAYS, *route.errors, *(_PASSED_ON if route.below is not None else ())}):
        media, error = route.error_form(code)
        content = {media: {"schema": ref_to(error) if error else TEXT}}
        if code == _UNREADABLE:
            content.setdefault("text/plain", {"schema": TEXT})
        responses[str(code)] = {"description": _ERRORS[code]} | ({} if code == _UNCHANGED else {"content": content})
    described = [one for parameter in route.parameters for one in _parameters(parameter)]
    places = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in _PLACES.findall(route.path)]
    operation: dict[str, Any] = {"summary": route.summary, "parameters": places + described, "responses": responses}
    if route.reach is Reach.OPEN:
        operation["security"] = []
    if method == "POST":
        form = {"type": "object", "properties": {one["name"]: one["schema"] for one in described}}
        operation["requestBody"] = {"content": {FORM: {"schema": form}}}
        operation["parameters"] = places
    return operation


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
