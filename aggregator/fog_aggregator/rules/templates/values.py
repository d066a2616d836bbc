"""The values of templates, as Go has them: numbers, texts, truth values, maps of labels, and the results of queries.

Go's float64 is a float here, int an int, string a str, bool a bool, map[string]string a dict, a slice a list, nil None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fog_aggregator.promql.formatting import format_general
from fog_aggregator.promql.labels import Labels


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct of Go: its fields, and the name of its type."""

    type_name: str
    fields: Mapping[str, Any]


SAMPLE: Final = "*template.sample"
VECTOR: Final = "template.queryResult"
DATA: Final = "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }"


def sample(labels: Labels, value: float) -> Struct:
    """Make a sample of a query's result."""
    return Struct(SAMPLE, {"Labels": dict(labels), "Value": value})


_TYPES: Final = {bool: "bool", int: "int", float: "float64", str: "string", dict: "map[string]string", list: VECTOR}


def type_name(value: Any) -> str:
    """Name the type of a value."""
    if value is None:
        return "<nil>"
    return value.type_name if isinstance(value, Struct) else _TYPES[type(value)]


def is_true(value: Any) -> bool:
    """Tell whether a value counts as true: not zero, not empty."""
    return isinstance(value, Struct) or bool(value)


def show(value: Any) -> str:
    """Write a value as Go's ``%v``."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{value[name]}' for name in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(show, value))}]"
    if isinstance(value, Struct):
        return f"{{{' '.join(map(show, value.fields.values()))}}}"
    if isinstance(value, float):
        return format_general(value)
    return "<nil>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def quote(text: str) -> str:
    """Write a text as Go's ``%q``."""
    return '"' + "".join(map(_quoted, text)) + '"'


_ESCAPES: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"',
}  # fmt: skip


def _quoted(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
