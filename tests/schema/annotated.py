"""Golden files: hex with a comment for each item, and what it means as JSON.

`annotate` writes the comments, so that a test can tell when they are no longer true. Nothing here writes files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgpack

from fog_schema import codec
from fog_schema.columns import BITMAP, U8, U16, U32, Column, Ids, array_column, unpack_floats
from fog_schema.commands import COMMAND_FIELDS, COMMAND_NAMES, COMMAND_PREAMBLE, OPERATORS, Command
from fog_schema.definitions import definitions_of
from fog_schema.frames import (
    FLAG_NAMES,
    KIND_NAMES,
    SEVERAL_WRITERS,
    TYPE_NAMES,
    Absences,
    CoverageNumbers,
    Definition,
    Frame,
    Numbers,
)
from fog_schema.packed import BITS, NEAR, SCALED, SPARSE

HEADER: Final = ("magic", "version", "kind", "flags", "epoch", "seq", "part", "age_ms", "interval_ms", "body")
REQUEST: Final = ("magic", "version", "kind", "epoch", "first event", "last event", "notices")
COMMAND: Final = ("magic", "version", "kind", "command", "command body")
DEFINITION: Final = ("name", "type", "unit", "help", "bounds", "rollup", "label names", "ids", "label values")
EVENT: Final = ("name", "value", "labels", "metadata", "timestamp")
IDS: Final = ("form", "base", "data")
COLUMN: Final = ("code", "data")
OTHERS: Final = {
    codec.REQUEST_PREAMBLE[0]: ("request", REQUEST),
    codec.REQUEST_PREAMBLE[0] + 1: ("request", REQUEST),
    COMMAND_PREAMBLE[0]: ("command", COMMAND),
}
"""Messages that are no frames, by their first byte: what they are, and their elements."""
BODIES: Final = {
    "body": {field.number: field.attribute.replace("_", " ") for field in codec.FIELDS},
    "command body": {number: name.replace("_", " ") for number, (name, _) in COMMAND_FIELDS.items()},
}
FIELDS: Final = BODIES["body"]
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "counters": ("ids", "values"),
    "fractions": ("ids", "values"),
    "gauges": ("ids", "values"),
    "group": ("width", "ids", "counts", "sums"),
    "summaries": ("ids", "counts", "sums", "minima", "maxima"),
    "lasts": ("ids", "values", "times"),
    "value counts": ("ids", "lengths", "values", "counts"),
    "coverage": CoverageNumbers._fields,
    "absences": Absences._fields,
    "exponentials": ("ids", "schemas", "zeros", "firsts", "lengths", "counts", "sums"),
    "schemas": COLUMN,
    "zeros": COLUMN,
    "firsts": COLUMN,
    "ids": IDS,
    "removed": IDS,
    "values": COLUMN,
    "counts": COLUMN,
    "sums": COLUMN,
    "minima": COLUMN,
    "maxima": COLUMN,
    "times": COLUMN,
    "lengths": COLUMN,
    "definition": DEFINITION,
    "event": EVENT,
    "events held": ("first", "last"),
    "matcher": ("operator", "name", "value"),
}
MEMBERS: Final = {
    "histograms": "group",
    "events": "event",
    "definitions": "definition",
    "later definitions": "definition",
    "matchers": "matcher",
}
NAMES: Final[dict[str, dict[int, str]]] = {
    "kind": KIND_NAMES,
    "command": COMMAND_NAMES,
    "notices": {SEVERAL_WRITERS: "several writers"},
    "operator": dict(enumerate(OPERATORS)),
    "type": TYPE_NAMES,
    "form": {BITMAP: "bitmap", U8: "u8 offsets", U16: "u16 offsets", U32: "u32 offsets"},
    "code": dict(enumerate(("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f64"), U8)),
}
PACKED: Final = {SPARSE: "sparse", SCALED: "scaled", NEAR: "near"}
WIDTH: Final = 16


def parse_hex(text: str) -> bytes:
    """Return the bytes of an annotated file: what stands before each ``#``."""
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in text.splitlines()))


def annotate(data: bytes) -> str:
    """Hex with a comment for each item, indented by how deep it is."""
    what, names = OTHERS.get(data[0], ("frame", HEADER))
    return "\n".join(_aligned(_Walk(data).array(what, 0, names))) + "\n"


def _aligned(lines: Iterator[tuple[bytes, str, int]]) -> Iterator[str]:
    for data, comment, depth in lines:
        for start in range(0, len(data), WIDTH):
            chunk = data[start : start + WIDTH].hex(" ")
            text = "  " * depth + comment if not start else ""
            yield f"{chunk:<{3 * WIDTH}}# {text}" if text else chunk


class _Walk:
    """Walks over msgpack; yields the bytes of each item, what it is, and how deep."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._ids = 0  # how many the last ids were …
        self._sides, self._buckets = 1, 0
        self._width = 1  # … and the last width of histograms: so many values has a packed column

    def array(self, what: str, depth: int, names: tuple[str, ...] = ()) -> Iterator[tuple[bytes, str, int]]:
        head, count = self._head(0x90, 0xDC)
        yield head, f"{what}: array of {count}".removeprefix(": "), depth
        self._sides = 2 if what == "exponentials" else self._sides
        if names in (IDS, COLUMN):
            yield from self._numbers(names, depth + 1)
            return
        for place in range(count):
            name = names[place] if place < len(names) else MEMBERS.get(what, "unknown" if names else "")
            yield from self.item(name, depth + 1)

    def map(self, what: str, depth: int) -> Iterator[tuple[bytes, str, int]]:
        head, count = self._head(0x80, 0xDE)
        yield head, f"{what}: map of {count}".removeprefix(": "), depth
        for _ in range(count):
            key, key_bytes = self._scalar()
            if what in BODIES:
                name = BODIES[what].get(key, "unknown")
                yield key_bytes, f"field {key}: {name}", depth + 1
                yield from self.item(name, depth + 1)
            else:
                yield key_bytes, f"key {key!r}", depth + 1
                yield from self.item("", depth + 2)

    def item(self, what: str, depth: int) -> Iterator[tuple[bytes, str, int]]:
        first = self._data[self._at]
        if first & 0xF0 == 0x90 or first == 0xDC:
            yield from self.array(what, depth, PARTS.get(what, ()))
        elif first & 0xF0 == 0x80 or first == 0xDE:
            yield from self.map(what, depth)
        else:
            value, data = self._scalar()
            if what == "width":
                self._width = value
            if isinstance(value, bytes) and PARTS.get(what) is COLUMN:
                yield data[: 1 - len(value)], f"{what}: packed, code {value[0]}, {_code_name(value[0])}", depth
                yield data[1 - len(value) :], f"  data: {self._packed(what, value)}", depth
            elif isinstance(value, bytes) and what in ("definitions", "later definitions", "event"):
                yield data[: -len(value)], f"{what}: {len(value)} bytes of msgpack", depth
                yield from _Walk(value).array(what, depth + 1, PARTS.get(what, ()))
            else:
                yield data, _say(what, value), depth

    def _packed(self, what: str, value: bytes) -> str:
        size = self._ids * (self._width if what == "counts" else 1)
        if self._sides == 2:  # of exponential histograms
            size = {"firsts": 2 * self._ids, "lengths": 2 * self._ids, "counts": self._buckets}.get(what, self._ids)
        numbers = Column(value[0], value[1:], size).tolist()
        self._buckets = int(sum(numbers)) if what == "lengths" else self._buckets
        return ", ".join(map(str, numbers))

    def _numbers(self, names: tuple[str, ...], depth: int) -> Iterator[tuple[bytes, str, int]]:
        items = [self._scalar() for _ in names]
        values = [value for value, _ in items]
        numbers = Ids(*values).tolist() if names is IDS else array_column(*values).tolist()
        if names is IDS:
            self._ids = len(numbers)
        comments = [*map(_say, names[:-1], values), f"data: {', '.join(map(str, numbers))}"]
        yield from ((data, comment, depth) for (_, data), comment in zip(items, comments, strict=True))

    def _head(self, fix: int, wide: int) -> tuple[bytes, int]:
        first = self._data[self._at]
        size = 3 if first == wide else 1
        head = self._data[self._at : self._at + size]
        self._at += size
        return head, int.from_bytes(head[1:]) if size > 1 else first - fix

    def _scalar(self) -> tuple[Any, bytes]:
        unpacker = msgpack.Unpacker(strict_map_key=False)
        unpacker.feed(self._data[self._at :])
        value = unpacker.unpack()
        data = self._data[self._at : self._at + unpacker.tell()]
        self._at += len(data)
        return value, data


def _code_name(code: int) -> str:
    return f"{code - BITS} bits" if code > BITS else PACKED[code]


def _say(what: str, value: Any) -> str:
    if what == "bounds":
        text = ", ".join(map(str, unpack_floats(value)))
    elif what == "epoch":
        text = f"{value:016x}"
    elif what == "flags":
        text = ", ".join([str(value), *(name for flag, name in FLAG_NAMES.items() if value & flag)])
    else:
        name = NAMES.get(what, {}).get(value) if isinstance(value, int) else None
        text = f"{value}, {name}" if name else repr(value)
    return f"{what}: {text}".rstrip() if what else text


def describe_command(command: Command) -> dict[str, Any]:
    """Return the content of a command as JSON; what is empty is left out."""
    matchers = [f"{name}{OPERATORS[operator]}{json.dumps(value)}" for operator, name, value in command.matchers]
    described = {name: getattr(command, name) for name, _ in COMMAND_FIELDS.values()} | {"matchers": matchers}
    kept = {key: value for key, value in described.items() if value not in ("", 0, [])}
    unknown = {"unknown_fields": command.unknown_fields} if command.unknown_fields else {}
    return {"kind": "command", "command": COMMAND_NAMES[command.command], **kept, **unknown}


def describe(frame: Frame) -> dict[str, Any]:
    """Return the content of a frame as JSON: ids are keys, an epoch is 16 hex digits, odd floats are text."""
    described: dict[str, Any] = {
        "kind": KIND_NAMES[frame.kind],
        "flags": frame.flags,
        "epoch": f"{frame.epoch:016x}",
        "seq": frame.seq,
        "part": frame.part,
        "age_ms": frame.age_ms,
        "interval_ms": frame.interval_ms,
        "info": frame.info,
        "events_held": list(frame.events_held) if frame.events_held else None,
        "definitions": [_definition(definition) for definition in definitions_of(frame)],
        "counters": _numbers(frame.counters),
        "fractions": _numbers(frame.fractions),
        "gauges": _numbers(frame.gauges),
        "histograms": dict(_histograms(frame)),
        "exponentials": dict(_exponentials(frame)),
        "summaries": dict(_summaries(frame)),
        "lasts": dict(_lasts(frame)),
        "value_counts": dict(_value_counts(frame)),
        "coverage": frame.coverage._asdict() if frame.coverage else None,
        "absences": frame.absences._asdict() if frame.absences else None,
        "removed": frame.removed.tolist() if frame.removed else [],
        "events": [
            {
                "number": number,
                "name": event.name,
                "value": event.value,
                "labels": event.labels,
                "metadata": event.metadata,
                "timestamp": event.timestamp,
            }
            for number, event in enumerate(frame.events, frame.seq)
        ],
        "unknown_fields": frame.unknown_fields,
    }
    return {key: value for key, value in described.items() if value not in (None, [], {})}


def _definition(definition: Definition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "type": TYPE_NAMES[definition.type],
        "unit": definition.unit,
        "help": definition.help,
        "bounds": list(definition.bounds),
        "rollup": list(definition.rollup),
        "series": {str(number): dict(labels) for number, labels in definition.series()},
    }


def _numbers(numbers: Numbers | None) -> dict[str, Any]:
    if numbers is None:
        return {}
    pairs = zip(numbers.ids.tolist(), numbers.values.tolist(), strict=True)
    return {str(number): _json(value) for number, value in pairs}


def _json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _summaries(frame: Frame) -> Iterator[tuple[str, Any]]:
    if frame.summaries:
        ids, *columns = frame.summaries
        for number, *row in zip(ids.tolist(), *(column.tolist() for column in columns), strict=True):
            yield str(number), dict(zip(("count", "sum", "min", "max"), map(_json, row), strict=True))


def _lasts(frame: Frame) -> Iterator[tuple[str, Any]]:
    if frame.lasts:
        ids, values, times = frame.lasts
        for number, value, time in zip(ids.tolist(), values.tolist(), times.tolist(), strict=True):
            yield str(number), {"value": _json(value), "time": _json(time)}


def _value_counts(frame: Frame) -> Iterator[tuple[str, Any]]:
    if frame.value_counts:
        ids, lengths, values, counts = frame.value_counts
        pairs = zip(map(_json, values.tolist()), counts.tolist(), strict=True)
        for number, length in zip(ids.tolist(), lengths.tolist(), strict=True):
            yield str(number), [{"value": value, "count": count} for value, count in islice(pairs, int(length))]


def _exponentials(frame: Frame) -> Iterator[tuple[str, Any]]:
    if frame.exponentials:
        ids, schemas, zeros, firsts, lengths, counts, sums = (column.tolist() for column in frame.exponentials)
        counted = iter(counts)
        for row, number in enumerate(ids):
            sides = [
                [firsts[at], *islice(counted, int(lengths[at]))] if lengths[at] else [] for at in (2 * row, 2 * row + 1)
            ]
            yield (
                str(number),
                {
                    "schema": schemas[row],
                    "zero": zeros[row],
                    "positive": sides[0],
                    "negative": sides[1],
                    "sum": sums[row],
                },
            )


def _histograms(frame: Frame) -> Iterator[tuple[str, Any]]:
    for group in frame.histograms:
        counts, sums = group.counts.tolist(), group.sums.tolist()
        for row, number in enumerate(group.ids.tolist()):
            yield str(number), {"counts": counts[row * group.width : (row + 1) * group.width], "sum": sums[row]}
