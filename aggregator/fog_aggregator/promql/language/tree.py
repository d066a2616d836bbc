"""The tree of an expression: frozen data classes with durations and times in integer milliseconds.

Parentheses are not in the tree: they only group, and `timestamp((x))` means `timestamp(x)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from fog_aggregator.promql.labels import Matcher


class ValueType(Enum):
    """The types of values, as Prometheus names them to people."""

    SCALAR = "scalar"
    VECTOR = "instant vector"
    MATRIX = "range vector"
    STRING = "string"


class Edge(Enum):
    """The moments that `@` may name."""

    START = "start"
    END = "end"


At: TypeAlias = int | Edge
"""The moment that `@` fixes: milliseconds, or an edge of the query."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number, or a duration where a number stands."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A choice of series: the last sample of each."""

    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A choice of series with a range: the samples of each in it."""

    selector: Selector
    range: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression evaluated at the multiples of a step within a range."""

    expression: Expression
    range: int
    step: int | None
    offset: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """An aggregation; with `without` the labels are those that go."""

    operator: str
    expression: Expression
    parameter: Expression | None
    labels: tuple[str, ...]
    without: bool


class Cardinality(Enum):
    """Which side of a vector operation may have several series for one group."""

    ONE_TO_ONE = "one to one"
    MANY_TO_ONE = "group_left"
    ONE_TO_MANY = "group_right"


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors are paired."""

    on: bool = False
    labels: tuple[str, ...] = ()
    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions."""

    operator: str
    left: Expression
    right: Expression
    returns_bool: bool
    matching: Matching


@dataclass(frozen=True, slots=True)
class Negation:
    """A minus sign before an expression."""

    expression: Expression


Expression: TypeAlias = Number | Text | Selector | Window | Subquery | Call | Aggregation | Binary | Negation

COMPARISONS: Final = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})
SCALAR_FUNCTIONS: Final = frozenset({"pi", "scalar", "time"})
_TYPES: Final = {
    Number: ValueType.SCALAR,
    Text: ValueType.STRING,
    Window: ValueType.MATRIX,
    Subquery: ValueType.MATRIX,
}


def type_of(expression: Expression) -> ValueType:
    """Tell what an expression evaluates to."""
    while isinstance(expression, Negation):
        expression = expression.expression
    if isinstance(expression, Binary):
        sides = (type_of(expression.left), type_of(expression.right))
        return ValueType.SCALAR if sides == (ValueType.SCALAR, ValueType.SCALAR) else ValueType.VECTOR
    if isinstance(expression, Call):
        return ValueType.SCALAR if expression.function in SCALAR_FUNCTIONS else ValueType.VECTOR
    return _TYPES.get(type(expression), ValueType.VECTOR)
