"""The functions of templates: those of Go's text/template and of Prometheus that rule files use."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fog_aggregator.rules.templates.errors import CallError
from fog_aggregator.rules.templates.humanize import humanize, humanize1024, humanize_duration, humanize_percentage
from fog_aggregator.rules.templates.printf import sprintf
from fog_aggregator.rules.templates.values import SAMPLE, VECTOR, Struct, is_true, show, type_name

ANY: Final = "interface {}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A function: the types of its arguments; those after them are of the type `rest`, if there may be any.

    Without `call` it is the executor's own: it is called argument by argument, or asks for data.
    """

    call: Callable[..., Any] | None
    types: tuple[str, ...]
    rest: str = ""


def _printf(template: str, *arguments: Any) -> str:
    return sprintf(template, arguments)


def _print(*arguments: Any) -> str:
    """Write values; a space stands between two that are no texts."""
    parts = []
    for place, value in enumerate(arguments):
        if place and not isinstance(value, str) and not isinstance(arguments[place - 1], str):
            parts.append(" ")
        parts.append(show(value))
    return "".join(parts)


def _println(*arguments: Any) -> str:
    return " ".join(map(show, arguments)) + "\n"


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict | list):
        return len(value)
    raise CallError(f"len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            if not isinstance(key, str):
                raise CallError(f"value has type {type_name(key)}; should be string")
            value = value.get(key, "")
        elif isinstance(value, list):
            value = _element(value, key)
        else:
            raise CallError(f"can't index item of type {type_name(value)}")
    return value


def _element(values: list[Any], key: Any) -> Any:
    if not isinstance(key, int) or isinstance(key, bool):
        raise CallError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key < len(values):
        raise CallError(f"index out of range: {key}")
    return values[key]


_BASIC: Final = (bool, int, float, str)


def _check_basic(value: Any) -> None:
    if type(value) not in _BASIC:
        raise CallError(f"non-comparable type {show(value)}: {type_name(value)}")


def _equal(first: Any, *others: Any) -> bool:
    """Tell whether the first value equals any of the others."""
    if not others:
        raise CallError("missing argument for comparison")
    _check_basic(first)
    for other in others:
        _check_basic(other)
        if type(first) is not type(other):
            raise CallError("incompatible types for comparison")
        if first == other:
            return True
    return False


def _not_equal(first: Any, second: Any) -> bool:
    return not _equal(first, second)


def _ordered(compare: Callable[[Any, Any], bool], first: Any, second: Any) -> bool:
    _check_basic(first)
    _check_basic(second)
    if type(first) is not type(second):
        raise CallError("incompatible types for comparison")
    if isinstance(first, bool):
        raise CallError("invalid type for comparison")
    return compare(first, second)


def _first(values: list[Struct]) -> Struct:
    if not values:
        raise CallError("first() called on vector with no elements")
    return values[0]


_COMPARED: Final = (ANY, ANY)
FUNCTIONS: Final[dict[str, Signature]] = {
    "and": Signature(None, (ANY,), ANY),
    "eq": Signature(_equal, (ANY,), ANY),
    "first": Signature(_first, (VECTOR,)),
    "ge": Signature(partial(_ordered, operator.ge), _COMPARED),
    "gt": Signature(partial(_ordered, operator.gt), _COMPARED),
    "humanize": Signature(humanize, (ANY,)),
    "humanize1024": Signature(humanize1024, (ANY,)),
    "humanizeDuration": Signature(humanize_duration, (ANY,)),
    "humanizePercentage": Signature(humanize_percentage, (ANY,)),
    "index": Signature(_index, (ANY,), ANY),
    "label": Signature(lambda name, one: one.fields["Labels"].get(name, ""), ("string", SAMPLE)),
    "le": Signature(partial(_ordered, operator.le), _COMPARED),
    "len": Signature(_length, (ANY,)),
    "lt": Signature(partial(_ordered, operator.lt), _COMPARED),
    "ne": Signature(_not_equal, _COMPARED),
    "not": Signature(lambda value: not is_true(value), (ANY,)),
    "or": Signature(None, (ANY,), ANY),
    "print": Signature(_print, (), ANY),
    "printf": Signature(_printf, ("string",), ANY),
    "println": Signature(_println, (), ANY),
    "query": Signature(None, ("string",)),
    "toLower": Signature(str.lower, ("string",)),
    "toUpper": Signature(str.upper, ("string",)),
    "value": Signature(lambda one: one.fields["Value"], (SAMPLE,)),
}
"""By name."""
