"""Answers of a Prometheus 2.42 without samples to questions as clients ask them, recorded: status, type, body.

A body that is JSON is compared as such. Where an error has a position in the text of an expression, as in `1:6:`,
ours has none; from Prometheus 3 on a range query names the parameter too, and so do we.
"""

from __future__ import annotations

from typing import Final

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


def bad(text: str) -> str:
    """Write an error of the type bad_data."""
    escaped = text.replace('"', '\\"')
    return f'{{"status":"error","errorType":"bad_data","error":"{escaped}"}}'


def fine(data: str) -> str:
    """Write a success."""
    return f'{{"status":"success","data":{data}}}'


NO_EXPRESSION: Final = bad('invalid parameter "query": parse error: no expression found in input')
UNCLOSED: Final = bad('invalid parameter "query": parse error: unclosed left parenthesis')
NO_STEP: Final = bad(
    'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'
)

GET: Final = (
    ("query", 400, NO_EXPRESSION),
    ("query?query=", 400, NO_EXPRESSION),
    ("query?query=rate(", 400, UNCLOSED),
    ("query?query=1&time=x", 400, bad('invalid parameter "time": cannot parse "x" to a valid timestamp')),
    ("query?query=1&timeout=x", 400, bad('invalid parameter "timeout": cannot parse "x" to a valid duration')),
    ("query?query=1%2B1&time=4", 200, fine('{"resultType":"scalar","result":[4,"2"]}')),
    ("query?query=1&time=-5", 200, fine('{"resultType":"scalar","result":[-5,"1"]}')),
    ("query?query=1&time=1970-01-01T00:01:00.5Z", 200, fine('{"resultType":"scalar","result":[60.5,"1"]}')),
    ("query?query=1&time=1970-01-01T01:01:00%2B01:00", 200, fine('{"resultType":"scalar","result":[60,"1"]}')),
    ("query_range?query=1&start=1&end=2&step=0", 400, NO_STEP),
    ("query_range?query=1&start=0&end=2&step=-1", 400, NO_STEP),
    ("query_range?query=1&start=1&end=2", 400, bad('invalid parameter "step": cannot parse "" to a valid duration')),
    (
        "query_range?query=1&start=1&end=2&step=x",
        400,
        bad('invalid parameter "step": cannot parse "x" to a valid duration'),
    ),
    (
        "query_range?query=1&start=3&end=2&step=1",
        400,
        bad('invalid parameter "end": end timestamp must not be before start time'),
    ),
    (
        "query_range?query=1&start=x&end=2&step=1",
        400,
        bad('invalid parameter "start": cannot parse "x" to a valid timestamp'),
    ),
    (
        "query_range?query=1&end=2&step=1",
        400,
        bad('invalid parameter "start": cannot parse "" to a valid timestamp'),
    ),
    ("query_range?start=1&end=2&step=1", 400, NO_EXPRESSION),
    (
        "query_range?query=1&start=0&end=20000&step=1",
        400,
        bad(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        ),
    ),
    (
        "query_range?query=x[5m]&start=0&end=20&step=1",
        400,
        bad('invalid expression type "range vector" for range query, must be Scalar or instant Vector'),
    ),
    (
        "query_range?query='x'&start=0&end=20&step=1",
        400,
        bad('invalid expression type "string" for range query, must be Scalar or instant Vector'),
    ),
    (
        "query_range?query=1&start=0&end=2&step=1s",
        200,
        fine('{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[1,"1"],[2,"1"]]}]}'),
    ),
    ("series?match[]=up", 200, fine("[]")),
    ("labels?match[]=up", 200, fine("[]")),
    ("label/none/values", 200, fine("[]")),
    ("label/a.b/values", 400, bad('invalid label name: "a.b"')),
    ("label/U__a_2e_b/values", 200, fine("[]")),
    ("format_query?query=a%2Bb", 200, fine('"a + b"')),
    ("format_query", 400, NO_EXPRESSION),
    ("query_exemplars?query=test&start=1700000000000&end=1700000000001", 200, fine("[]")),
    ("query_exemplars?query=test", 200, fine("[]")),
    ("query_exemplars?query=te(st&start=1&end=2", 400, UNCLOSED),
    (
        "query_exemplars?query=test&start=5&end=2",
        400,
        bad("end timestamp must not be before start timestamp"),
    ),
    ("rules", 200, fine('{"groups":[]}')),
    ("rules?type=alert", 200, fine('{"groups":[]}')),
    ("rules?type=x", 400, bad('invalid parameter "type": not supported value "x"')),
    ("alerts", 200, fine('{"alerts":[]}')),
    ("targets", 200, fine('{"activeTargets":[],"droppedTargets":[]}')),
    ("targets?state=active", 200, fine('{"activeTargets":[],"droppedTargets":[]}')),
    ("targets/metadata", 200, fine("[]")),
    ("scrape_pools", 200, fine('{"scrapePools":[]}')),
    ("alertmanagers", 200, fine('{"activeAlertmanagers":[],"droppedAlertmanagers":[]}')),
)
"""Path under /api/v1, status, body."""

FORMS: Final = ("query", "query_range", "series", "labels", "query_exemplars", "format_query")
"""May be asked with a POST."""

READ_ONLY: Final = (
    "label/x/values",
    "metadata",
    "rules",
    "alerts",
    "targets",
    "alertmanagers",
    "status/buildinfo",
    "status/tsdb",
)
"""Answer 405 to a POST, with a text."""

UNKNOWN: Final = (
    "nothing",
    "",
    "features",
    "parse_query?query=a",
    "notifications",
    "read",
    "write",
    "admin/tsdb/snapshot",
)
"""Answer 404, with a text."""
