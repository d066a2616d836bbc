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

from fog_schema.columns import ids_from_wire, pack_floats, unpack_floats
from fog_schema.errors import FrameError
from fog_schema.frames import EXPONENTIAL_HISTOGRAM, HISTOGRAM, LATER_TYPES, TYPE_NAMES, Definition, Frame
from fog_schema.limits import (
    MAX_BOUNDS,
    MAX_DEFINED,
    MAX_DEFINITIONS,
    MAX_HELP_LENGTH,
    MAX_LABEL_VALUE_LENGTH,
    MAX_LABEL_VALUES,
    MAX_LABELS,
    MAX_NAME_LENGTH,
    MAX_ROLLUPS,
    MAX_UNIT_LENGTH,
)

ROLLUPS: Final = frozenset({"sum", "min", "max", "avg", "last", "count_values"})

METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


def encode_definitions(definitions: Sequence[Definition]) -> bytes:
    """Pack definitions for `Frame.definitions`; lone surrogates become question marks.

    Raises:
        FrameError: reason ``limit``, when there are more than one frame may have.
    """
    if not definitions:
        return b""
    if len(definitions) > MAX_DEFINITIONS or sum(d.ids.size for d in definitions) > MAX_DEFINED:
        raise FrameError("limit", f"more than {MAX_DEFINITIONS} definitions or {MAX_DEFINED} series")
    data: bytes = msgpack.packb([_entry(definition) for definition in definitions], unicode_errors="replace")
    return data


def decode_definitions(data: bytes, *, later: bool = False) -> list[Definition]:
    """Open and check packed definitions, of the types that their field has.

    Args:
        data: as a frame has them.
        later: they are a frame's `later_definitions`.

    Raises:
        FrameError: reason ``definition``, ``ids`` or ``limit``.
    """
    if not data:
        return []
    try:
        entries: object = msgpack.unpackb(
            data, use_list=False, max_array_len=max(MAX_DEFINITIONS, MAX_LABEL_VALUES), max_map_len=0, max_ext_len=0
        )
    except Exception as error:  # msgpack raises ValueError, its subclasses, UnicodeDecodeError, …
        raise FrameError("definition", f"not msgpack, or over its limits: {error}"[:200]) from error
    if not isinstance(entries, tuple):
        raise FrameError("definition", "not a list of definitions")
    definitions, series = [], 0
    for entry in entries:
        definition = _definition(entry)
        if (definition.type in LATER_TYPES) != later:
            raise FrameError("definition", f"{definition.name}: type {definition.type} is not defined in this field")
        series += definition.ids.size
        if series > MAX_DEFINED:
            raise FrameError("limit", f"more than {MAX_DEFINED} series are defined")
        definitions.append(definition)
    return definitions


def definitions_of(frame: Frame) -> list[Definition]:
    """Open all definitions of a frame.

    Raises:
        FrameError: as `decode_definitions` does.
    """
    return decode_definitions(frame.definitions) + decode_definitions(frame.later_definitions, later=True)


def _entry(definition: Definition) -> tuple[object, ...]:
    return (
        definition.name,
        definition.type,
        definition.unit,
        definition.help,
        pack_floats(definition.bounds).data,
        definition.rollup,
        definition.label_names,
        definition.ids,
        definition.label_values,
    )


def _definition(entry: Any) -> Definition:
    match entry:
        case [str(name), int(type_), str(unit), str(help_), bytes(bounds), rollup, labels, ids, values]:
            pass
        case _:
            raise FrameError("definition", "a definition does not have the nine fields it must have")
    if not (0 < len(name) <= MAX_NAME_LENGTH and METRIC_NAME.fullmatch(name)):
        raise FrameError("definition", f"metric name {name[:80]!r} is not allowed")
    if type(type_) is not int or type_ not in TYPE_NAMES:
        raise FrameError("definition", f"{name}: type {type_} is not known")
    if len(unit) > MAX_UNIT_LENGTH or len(help_) > MAX_HELP_LENGTH:
        raise FrameError("limit", f"{name}: unit or help is too long")
    if unit and not name.removesuffix("_total").endswith(f"_{unit}"):
        raise FrameError("definition", f"{name}: its unit must be how its name ends")
    if not (_are_strings(rollup, MAX_ROLLUPS) and ROLLUPS.issuperset(rollup)):
        raise FrameError("definition", f"{name}: its rollup is not known")
    _check_label_names(name, type_, labels)
    checked_ids = ids_from_wire(ids, name)
    _check_label_values(name, values, checked_ids.size * len(labels))
    return Definition(name, type_, help_, unit, _bounds(name, type_, bounds), rollup, labels, checked_ids, values)


def _bounds(name: str, type_: int, data: bytes) -> tuple[float, ...]:
    if len(data) > 8 * MAX_BOUNDS or len(data) % 8 or (data and type_ != HISTOGRAM):
        raise FrameError("definition", f"{name}: bounds belong to a histogram, at most {MAX_BOUNDS} of them")
    bounds = unpack_floats(data)
    if not all(map(math.isfinite, bounds)) or not all(map(operator.lt, bounds, bounds[1:])):
        raise FrameError("definition", f"{name}: bounds must be finite and ascending")
    return bounds


def _check_label_names(name: str, type_: int, labels: Any) -> None:
    if not _are_strings(labels, MAX_LABELS) or len(labels) != len(set(labels)):
        raise FrameError("definition", f"{name}: label names are not at most {MAX_LABELS} different strings")
    for label in labels:
        if len(label) > MAX_NAME_LENGTH or not LABEL_NAME.fullmatch(label):
            raise FrameError("definition", f"{name}: label name {label[:80]!r} is not allowed")
        if label == "le" and type_ in (HISTOGRAM, EXPONENTIAL_HISTOGRAM):
            raise FrameError("definition", f"{name}: the label le belongs to the buckets")


def _check_label_values(name: str, values: Any, expected: int) -> None:
    if not _are_strings(values, MAX_LABEL_VALUES) or len(values) != expected:
        raise FrameError("definition", f"{name}: its label values are not {expected} strings")
    if any(len(value) > MAX_LABEL_VALUE_LENGTH for value in values):
        raise FrameError("limit", f"{name}: a label value is longer than {MAX_LABEL_VALUE_LENGTH}")


def _are_strings(value: Any, most: int) -> bool:
    return type(value) is tuple and len(value) <= most and all(type(entry) is str for entry in value)
