"""The API's parameters, and how a request gives them: in the address, or in the form of a POST."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from fog_aggregator.components.http.parameters import Parameter
from fog_aggregator.components.http.prometheus.values import parse_count, parse_duration, parse_time, unescape_name
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.labels import Matcher
from fog_aggregator.promql.language.parse import parse, prettify
from fog_aggregator.promql.language.tree import Selector

LARGEST_FORM: Final = 65_536
"""Bytes of a form; an expression has 4,096 at most."""

MOST_FIELDS: Final = 256
MOST_SELECTORS: Final = 64
_FORM: Final = "application/x-www-form-urlencoded"


async def read_fields(request: web.Request) -> list[tuple[str, str]]:
    """Return the fields of a form, then those of the address.

    Raises:
        BadQueryError: for a body that is no form, is too large or has too many fields.
    """
    fields = list(request.query.items())
    if request.method == "POST" and request.body_exists:
        if request.content_type not in {_FORM, "application/octet-stream"}:
            raise BadQueryError(f"a form is needed, and this is {request.content_type[:80]}: send {_FORM}")
        fields = _decoded(await _body(request)) + fields
    if len(fields) > MOST_FIELDS:
        raise BadQueryError(f"a request may have {MOST_FIELDS} parameters, and this one has more")
    return fields


async def _body(request: web.Request) -> bytes:
    """Read a bounded body; nothing of one that says that it is larger."""
    body = bytearray()
    if (request.content_length or 0) <= LARGEST_FORM:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > LARGEST_FORM:
                break
        else:
            return bytes(body)
    raise BadQueryError(f"a form may have {LARGEST_FORM} bytes, and this one has more")


def _decoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:  # not UTF-8, or too many
        raise BadQueryError(f"the form cannot be read: {error}") from None


def read_parameters(fields: Iterable[tuple[str, str]], parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Return the values of an address's parameters.

    As with Prometheus, unknown ones are ignored, the first counts of one that is repeated, and an empty one is absent.

    Raises:
        BadQueryError: for a missing or malformed one.
    """
    given: dict[str, list[str]] = {}
    for name, text in fields:
        if text:
            given.setdefault(name, []).append(text)
    return {parameter.name: _value(parameter, given.get(parameter.name, [])) for parameter in parameters}


def _value(parameter: Parameter, texts: list[str]) -> Any:
    name = parameter.name
    if not texts and not parameter.required:
        return parameter.default
    texts = texts or [""]
    if parameter.most > 1 and len(texts) > parameter.most:
        raise BadQueryError(f"{name} is given {len(texts)} times: give at most {parameter.most}")
    try:
        values = [parameter.parse(text) for text in (texts if parameter.most > 1 else texts[:1])]
    except (ValueError, BadQueryError) as error:
        raise BadQueryError(f'invalid parameter "{name}": {error}') from None
    return tuple(values) if parameter.most > 1 else values[0]


def _selector(text: str) -> tuple[Matcher, ...]:
    """Read the selector of some series."""
    if not text:
        raise ValueError("no match[] parameter provided")
    expression = parse(text)
    if not isinstance(expression, Selector) or expression.offset or expression.at is not None:
        raise BadQueryError(f'{text[:80]!r} selects no series: write a name and labels alone, as in up{{job="a"}}')
    return expression.matchers


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse_choice(text: str) -> str:
        if text not in choices:
            raise ValueError(f'not supported value "{text[:80]}"')
        return text

    return parse_choice


def _time(name: str, description: str, *, required: bool = False) -> Parameter:
    schema: Mapping[str, Any] = {"type": "string", "example": "2026-11-26T09:00:00Z"}
    described = f"{description}: seconds since 1970, or RFC 3339"
    return Parameter(name, described, schema, parse_time, required=required)


def _duration(name: str, description: str, *, required: bool = False) -> Parameter:
    schema: Mapping[str, Any] = {"type": "string", "example": "30s"}
    return Parameter(name, f"{description}: seconds, or as in 1m30s", schema, parse_duration, required=required)


def _texts(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string"}, str, (), most=MOST_SELECTORS)


_EXPRESSION: Final = {"type": "string", "example": 'sum by (fog_path) (rate(orders_total{fog_level="1"}[5m]))'}
QUERY: Final = Parameter("query", "the expression", _EXPRESSION, parse, required=True)
FORMATTED: Final = Parameter("query", "the expression", _EXPRESSION, prettify, required=True)
TIME: Final = _time("time", "the moment of the query; now when left out")
START: Final = _time("start", "the first moment", required=True)
END: Final = _time("end", "the last moment", required=True)
STEP: Final = _duration("step", "the distance of moments", required=True)
TIMEOUT: Final = _duration("timeout", "how long the evaluation may take; no longer than --query-timeout")
LOOKBACK: Final = _duration("lookback_delta", "how old the last sample of a series may be; 5m when left out")
LIMIT: Final = Parameter(
    "limit",
    "how many to return; all for 0. The answer has a warning if there are more",
    {"type": "integer", "minimum": 0},
    parse_count,
    0,
)
SINCE: Final = _time("start", "only series with samples from this moment on")
UNTIL: Final = _time("end", "only series with samples up to this moment")
MATCH: Final = Parameter(
    "match[]",
    "only series of this selector, or of any of several",
    {"type": "string", "example": "orders_total"},
    _selector,
    (),
    most=MOST_SELECTORS,
)
SERIES_MATCH: Final = Parameter(
    "match[]",
    "a selector",
    {"type": "string", "example": "orders_total"},
    _selector,
    most=MOST_SELECTORS,
    required=True,
)
METRIC: Final = Parameter("metric", "only this metric", {"type": "string"}, unescape_name)
PER_METRIC: Final = Parameter(
    "limit_per_metric", "how many descriptions of each metric", {"type": "integer", "minimum": 0}, parse_count, 0
)
RULE_TYPE: Final = Parameter(
    "type", "only rules of this type", {"type": "string", "enum": ["alert", "record"]}, _one_of("alert", "record")
)
RULE_NAMES: Final = _texts("rule_name[]", "only rules of this name")
RULE_GROUPS: Final = _texts("rule_group[]", "only groups of this name")
RULE_FILES: Final = _texts("file[]", "only groups of this file")
