"""Our answers beside those of Prometheus 2.42, and what is known to differ between it and Prometheus 3."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fog_aggregator.promql import (
    MemoryStorage,
    Options,
    QueryError,
    error_json,
    instant_query,
    range_query,
    response_json,
)
from tests.promql.prometheus import Prometheus

TOLERANCE: Final = 1e-12
"""Of the values; absolutely, of values below 1."""

CLOSED: Final = Options(closed=True)
"""Ranges contain their beginning, as in Prometheus 2."""

_AGGREGATE: Final = r"\b(?:{})\b(?:\s*(?:by|without)\s*\([^)]*\))?\s*\("


@dataclass(frozen=True)
class Known:
    """A known difference: what expressions may show it, and how the answers then differ (patterns)."""

    reason: str
    expression: str
    said: str = ""


KNOWN: Final = (
    Known("stddev and stdvar of one NaN or Inf are NaN; 2.42 gives 0", _AGGREGATE.format("stddev|stdvar")),
    Known("topk and bottomk choose among equal values in the order of the storage", _AGGREGATE.format("topk|bottomk")),
    Known(
        "a comparison that filters checks many-to-one first; 2.42 lets pass what is filtered (3.9)",
        r"(?:==|!=|[<>]=?) ",
        "Prometheus: no error; ours: multiple matches",
    ),
    Known(
        "signs and label functions join series that take turns; an error in 2.42 (3.9)",
        r"-\(|label_",
        "Prometheus: vector cannot contain metrics with the same labelset; ours: no error",
    ),
)
"""Beside these the grammar avoids: rates near zero (the order of the two cut-offs, 2.51), predict_linear with `@` over
a range, timestamp with `offset` and `@` at once, dates of NaN, overflows, and steps and remainders of what is rounded.
"""


def is_known(expression: str, said: str) -> bool:
    """Tell whether a difference is one of the known ones."""
    return any(re.search(known.expression, expression) and re.search(known.said, said) for known in KNOWN)


def answers(
    server: Prometheus, storage: MemoryStorage, expression: str, moments: tuple[int, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask both: at a moment, or over start, end and step, in milliseconds; theirs and ours."""
    seconds = [f"{moment / 1000:.3f}" for moment in moments]
    try:
        if len(moments) == 1:
            result = instant_query(expression, storage, moments[0], CLOSED)
        else:
            start, end, step = moments
            result = range_query(expression, storage, start, end, step, CLOSED)
        ours = json.loads(response_json(result))
    except QueryError as error:
        ours = json.loads(error_json(error))
    if len(moments) == 1:
        return server.ask("query", query=expression, time=seconds[0]), ours
    theirs = server.ask("query_range", query=expression, **dict(zip(("start", "end", "step"), seconds, strict=True)))
    return theirs, ours


def difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Say how two answers differ; empty when they agree. Errors agree in their type."""
    if "error" in (theirs["status"], ours["status"]):
        same = theirs.get("errorType") == ours.get("errorType")
        return "" if same else f"Prometheus: {theirs.get('error', 'no error')}; ours: {ours.get('error', 'no error')}"
    if theirs["data"]["resultType"] != ours["data"]["resultType"]:
        return f"Prometheus: {theirs['data']['resultType']}; ours: {ours['data']['resultType']}"
    left, right = points(theirs["data"]), points(ours["data"])
    if left.keys() != right.keys():
        return (
            f"only Prometheus has {sorted(left.keys() - right.keys())}, only ours {sorted(right.keys() - left.keys())}"
        )
    found = [said for name, samples in left.items() if (said := _difference_of_series(name, samples, right[name]))]
    if not found and theirs["data"]["resultType"] == "matrix" and list(left) != list(right):
        return "the order of series"
    return found[0] if found else ""


def _difference_of_series(name: str, theirs: list[list[Any]], ours: list[list[Any]]) -> str:
    if [moment for moment, _ in theirs] != [moment for moment, _ in ours]:
        return f"{name}: Prometheus has {len(theirs)} points, ours {len(ours)}"
    for (moment, one), (_, other) in zip(theirs, ours, strict=True):
        if not near(one, other):
            return f"{name} at {moment}: Prometheus {one}, ours {other}"
    return ""


def points(data: Mapping[str, Any]) -> dict[str, list[list[Any]]]:
    """Collect the samples of a result by series."""
    if data["resultType"] in {"scalar", "string"}:
        return {"": [data["result"]]}
    return {
        json.dumps(series["metric"], sort_keys=True): series["values"] if "values" in series else [series["value"]]
        for series in data["result"]
    }


def near(one: str, other: str) -> bool:
    """Compare numbers as they are written; texts for what is no number."""
    try:
        left, right = float(one), float(other)
    except ValueError:
        return one == other
    if left == right or (math.isnan(left) and math.isnan(right)):
        return True
    return abs(left - right) <= TOLERANCE * max(abs(left), abs(right), 1.0)
