"""Definitions: which family and labels an id stands for. Packed on their own, so that a reader opens equal ones once.

The bytes are a msgpack array of ``[name, type, unit, help, bounds, rollup, label_names, ids, label_values]``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from typing import Any, Final

import msgpack

from fog_schema import limits
from fog_schema.columns import F64, column_from_wire, ids_from_wire, pack_floats
from fog_schema.errors import FrameError
from fog_schema.frames import COUNTER, GAUGE, HISTOGRAM, Definition

ROLLUPS: Final = frozenset({"sum", "min", "max", "avg", "last", "count_values"})

_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


def encode_definitions(definitions: Sequence[Definition]) -> bytes:
    """Pack definitions for `Frame.definitions`."""
    if not definitions:
        return b""
    entries = [
        (
            d.name,
            d.type,
            d.unit,
            d.help,
            pack_floats(d.bounds) if d.bounds else None,
            d.rollup,
            d.label_names,
            d.ids,
            d.label_values,
        )
        for d in definitions
    ]
    data: bytes = msgpack.packb(entries)
    return data


def decode_definitions(data: bytes) -> list[Definition]:
    """Open and check packed definitions.

    Raises:
        FrameError: reason ``definition``, ``ids`` or ``limit``.
    """
    if not data:
        return []
    try:
        entries: object = msgpack.unpackb(
            data, max_array_len=max(limits.MAX_DEFINITIONS, limits.MAX_LABEL_VALUES), max_ext_len=0
        )
    except Exception as error:  # msgpack raises ValueError, its subclasses, TypeError for keys, UnicodeDecodeError, …
        raise FrameError("definition", f"not msgpack, or over its limits: {error}"[:200]) from error
    if not isinstance(entries, list):
        raise FrameError("definition", "not a list of definitions")
    return [_definition(entry) for entry in entries]


def _definition(entry: Any) -> Definition:
    match entry:
        case [str(name), int(type_), str(unit), str(help_), bounds, list(rollup), list(labels), ids, list(values)]:
            pass
        case _:
            raise FrameError("definition", "a definition does not have the nine fields it must have")
    if not _METRIC_NAME.fullmatch(name) or len(name) > limits.MAX_NAME_LENGTH:
        raise FrameError("definition", f"metric name {name[:80]!r} is not allowed")
    if type_ not in (COUNTER, GAUGE, HISTOGRAM):
        raise FrameError("definition", f"{name}: type {type_} is not known")
    if len(unit) > limits.MAX_UNIT_LENGTH or len(help_) > limits.MAX_HELP_LENGTH:
        raise FrameError("limit", f"{name}: unit or help is too long")
    if len(rollup) > limits.MAX_ROLLUPS or not ROLLUPS.issuperset(rollup):
        raise FrameError("definition", f"{name}: rollup {rollup!r:.80} is not known")
    definition = Definition(
        name,
        type_,
        help_,
        unit,
        _bounds(name, type_, bounds),
        tuple(rollup),
        _label_names(name, labels),
        ids_from_wire(ids, name),
        values,
    )
    _check_label_values(definition)
    return definition


def _bounds(name: str, type_: int, value: object) -> tuple[float, ...]:
    if value is None:
        return ()
    bounds = column_from_wire(value, range(F64, F64 + 1), f"{name}: bounds").tolist()
    if type_ != HISTOGRAM or len(bounds) > limits.MAX_BOUNDS:
        raise FrameError("definition", f"{name}: bounds belong to a histogram, at most {limits.MAX_BOUNDS} of them")
    if not all(map(math.isfinite, bounds)) or not all(map(operator.lt, bounds, bounds[1:])):
        raise FrameError("definition", f"{name}: bounds must be finite and ascending")
    return tuple(bounds)


def _label_names(name: str, labels: list[Any]) -> tuple[str, ...]:
    if len(labels) > limits.MAX_LABELS or len(labels) != len(set(map(str, labels))):
        raise FrameError("definition", f"{name}: too many labels, or one of them twice")
    for label in labels:
        if not isinstance(label, str) or len(label) > limits.MAX_NAME_LENGTH or not _LABEL_NAME.fullmatch(label):
            raise FrameError("definition", f"{name}: label name {label!r:.80} is not allowed")
    return tuple(labels)


def _check_label_values(definition: Definition) -> None:
    expected = definition.ids.size * len(definition.label_names)
    if len(definition.label_values) != expected:
        raise FrameError(
            "definition", f"{definition.name}: {len(definition.label_values)} label values, not {expected}"
        )
    for value in definition.label_values:
        if not isinstance(value, str) or len(value) > limits.MAX_LABEL_VALUE_LENGTH:
            raise FrameError("definition", f"{definition.name}: label value {value!r:.80} is not allowed")
