"""Parsing behind a fence: the parser's tree is read once, checked, and copied into our own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import promql_parser

from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.labels import NAME, Matcher, MatchKind
from fog_aggregator.promql.language.scan import fence
from fog_aggregator.promql.language.tree import (
    Aggregation,
    At,
    Binary,
    Call,
    Cardinality,
    Edge,
    Expression,
    Matching,
    Negation,
    Number,
    Selector,
    Subquery,
    Text,
    Window,
)

MAX_TIME: Final = 2**53
"""Milliseconds, of durations and of moments: so far doubles count exactly."""

AGGREGATIONS: Final = frozenset(
    {"avg", "bottomk", "count", "count_values", "group", "max", "min", "quantile", "stddev", "stdvar", "sum", "topk"}
)
NATIVE_HISTOGRAMS: Final = frozenset(
    {"histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"}
)
_MODIFIER: Final = re.compile(r"\]\s*(anchored|smoothed)\b", re.IGNORECASE)
_COMPUTED: Final = re.compile(r"\[\s*[^\]\s][^\]]*[-+*/^(]|\boffset\s*\(", re.IGNORECASE)
_KINDS: Final = {
    "Equal": MatchKind.EQUAL,
    "NotEqual": MatchKind.NOT_EQUAL,
    "Re": MatchKind.REGEX,
    "NotRe": MatchKind.NOT_REGEX,
}
_CARDINALITIES: Final = {
    "OneToOne": Cardinality.ONE_TO_ONE,
    "ManyToMany": Cardinality.ONE_TO_ONE,
    "ManyToOne": Cardinality.MANY_TO_ONE,
    "OneToMany": Cardinality.ONE_TO_MANY,
}


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        BadQueryError: for what is not PromQL, or belongs to the part of it that is not supported; with the reason.
    """
    fenced = fence(text)
    with _guarded(fenced):
        return _convert(promql_parser.parse(fenced))


def prettify(text: str) -> str:
    """Lay an expression out over lines, as the API's `format_query` does.

    Raises:
        BadQueryError: as `parse`.
    """
    fenced = fence(text)
    with _guarded(fenced):
        pretty: str = promql_parser.parse(fenced).prettify()
        return pretty


@contextmanager
def _guarded(text: str) -> Iterator[None]:
    """Turn what the parser raises into our error: a panic of its native code is a BaseException."""
    try:
        yield
    except RecursionError:
        raise BadQueryError("the expression is nested too deeply: write it flatter") from None
    except (ValueError, OverflowError) as error:
        raise BadQueryError(f"parse error: {_experimental(text) or _documented(str(error))}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise BadQueryError(f"parse error: a time or a duration is out of bounds: {error}") from None


def _experimental(text: str) -> str:
    """Name what is experimental in an expression that the parser does not know; empty when nothing is."""
    if (modifier := _MODIFIER.search(text)) is not None:
        return f'the modifier "{modifier[1]}" is experimental, and not supported here'
    return "durations that are computed are experimental, and not supported here" if _COMPUTED.search(text) else ""


def _documented(text: str) -> str:
    """Call types as Prometheus does to people, and as its documentation."""
    if not text.startswith("expected type"):
        return text
    return (
        text.replace("matrix", "range vector").replace(" vector", " instant vector").replace("range instant", "range")
    )


def _convert(node: Any) -> Expression:
    """Copy a node of the parser's tree, and what is under it."""
    convert = _CONVERTERS.get(type(node).__name__)
    if convert is None:
        raise BadQueryError(f"parse error: {type(node).__name__} is not supported")
    return convert(node)


def _selector(node: Any) -> Selector:
    if node.matchers.or_matchers:
        raise BadQueryError(
            'parse error: "or" is not allowed between matchers: use a regular expression or two selectors'
        )
    matchers = [
        Matcher(_KINDS[str(matcher.op).rpartition(".")[2]], matcher.name, matcher.value)
        for matcher in node.matchers.matchers
    ]
    if node.name is not None:
        matchers.append(Matcher(MatchKind.EQUAL, NAME, node.name))
    tests = [matcher.test() for matcher in matchers]
    if all(test("") for test in tests):
        raise BadQueryError("parse error: vector selector must contain at least one non-empty matcher")
    return Selector(tuple(matchers), _offset(node.offset), _at(node.at))


def _window(node: Any) -> Window:
    return Window(_selector(node.vector_selector), _positive(node.range, "a range"))


def _subquery(node: Any) -> Subquery:
    step = None if node.step is None else _positive(node.step, "the step of a subquery")
    reach = _positive(node.range, "the range of a subquery")
    return Subquery(_convert(node.expr), reach, step, _offset(node.offset), _at(node.at))


def _call(node: Any) -> Call:
    name = node.func.name
    if node.func.experimental:
        raise BadQueryError(f'parse error: function "{name}" is experimental, and not supported here')
    if name in NATIVE_HISTOGRAMS:
        raise BadQueryError(f'parse error: function "{name}" is of native histograms, which are not supported here')
    return Call(name, tuple(_convert(argument) for argument in node.args))


def _aggregation(node: Any) -> Aggregation:
    operator = str(node.op)
    if operator not in AGGREGATIONS:
        raise BadQueryError(f'parse error: aggregation "{operator}" is experimental, and not supported here')
    parameter = None if node.param is None else _convert(node.param)
    modifier = node.modifier
    labels = () if modifier is None else tuple(modifier.labels)
    without = modifier is not None and str(modifier.type).endswith("Without")
    return Aggregation(operator, _convert(node.expr), parameter, labels, without)


def _binary(node: Any) -> Binary:
    modifier = node.modifier
    matching = Matching()
    if modifier is not None:
        fill = modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            raise BadQueryError('parse error: the modifier "fill" is experimental, and not supported here')
        group = modifier.matching
        matching = Matching(
            on=group is not None and str(group.type).endswith("Include"),
            labels=() if group is None else tuple(group.labels),
            cardinality=_CARDINALITIES[str(modifier.card).rpartition(".")[2]],
            include=tuple(modifier.group_labels or ()),
        )
    returns_bool = modifier is not None and modifier.return_bool
    return Binary(str(node.op), _convert(node.lhs), _convert(node.rhs), returns_bool, matching)


_CONVERTERS: Final[dict[str, Callable[[Any], Expression]]] = {
    "AggregateExpr": _aggregation,
    "BinaryExpr": _binary,
    "Call": _call,
    "MatrixSelector": _window,
    "NumberLiteral": lambda node: Number(float(node.val)),
    "ParenExpr": lambda node: _convert(node.expr),
    "StringLiteral": lambda node: Text(node.val),
    "SubqueryExpr": _subquery,
    "UnaryExpr": lambda node: Negation(_convert(node.expr)),
    "VectorSelector": _selector,
}


def _milliseconds(duration: timedelta) -> int:
    """Count the integer milliseconds of a duration, exactly: a negative one has negative days and positive seconds."""
    count = duration.days * 86_400_000 + duration.seconds * 1000 + duration.microseconds // 1000
    if abs(count) >= MAX_TIME:
        raise BadQueryError("parse error: duration out of range")
    return count


def _positive(duration: timedelta, role: str) -> int:
    count = _milliseconds(duration)
    if count <= 0:
        raise BadQueryError(f"parse error: duration must be greater than 0: {role} is not")
    return count


def _offset(duration: timedelta | None) -> int:
    return 0 if duration is None else _milliseconds(duration)


def _at(modifier: Any) -> At | None:
    if modifier is None:
        return None
    kind = str(modifier.type).rpartition(".")[2]
    if kind != "At":
        return Edge.START if kind == "Start" else Edge.END
    moment: datetime = modifier.at
    seconds = moment.timestamp()
    if not math.isfinite(seconds) or abs(seconds * 1000) >= MAX_TIME:
        raise BadQueryError("parse error: timestamp out of bounds for @ modifier")
    return round(seconds * 1000)
