"""Read lines of statsd and DogStatsD. Pure.

A line is `name:value|type`, and fields after it that begin with a sign each. Fields that nobody knows are skipped, as
clients send new ones before receivers have heard of them. Sources: statsd's docs/metric_types.md, and "DogStatsD
datagram format", versions 1.0 to 1.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isclose, isfinite
from typing import Final, NamedTuple

from fog_schema.limits import MAX_LABEL_VALUE_LENGTH, MAX_LABELS, MAX_NAME_LENGTH

MALFORMED: Final = "malformed"
TYPE: Final = "type"
VALUE: Final = "value"
NEGATIVE: Final = "negative"
RATE: Final = "rate"
NAME: Final = "name"
TAGS: Final = "tags"
CLASH: Final = "clash"
SERIES: Final = "series"
NEW_SERIES: Final = "new_series"
MEMBERS: Final = "members"
EVENTS: Final = "events"
TOO_LONG: Final = "too_long"
MAPPING: Final = "mapping"
"""No loss: an operator has said `action = "drop"`."""
REASONS: Final = (
    MALFORMED, TYPE, VALUE, NEGATIVE, RATE, NAME, TAGS, CLASH, SERIES, NEW_SERIES, MEMBERS, EVENTS, TOO_LONG,
)  # fmt: skip
"""Each reason for which a line is refused."""
LASTING: Final = frozenset([MALFORMED, TYPE, RATE, NAME, TAGS, CLASH, MAPPING])
"""Reasons that hold for the next line like it as well."""

STATSD: Final = "statsd"
DOGSTATSD: Final = "dogstatsd"
DIALECTS: Final = (STATSD, DOGSTATSD)

TYPES: Final = {b"c": "c", b"g": "g", b"ms": "ms", b"h": "h", b"d": "h", b"s": "s"}
"""Types of lines; a distribution is a histogram here."""

LEAST_RATE: Final = 1e-9
MAX_NUMBER_LENGTH: Final = 64
_EXACT: Final = 2**53
_TAGS_OF_EVENTS: Final = 4_096
_NUMBER: Final = re.compile(rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_EVENT: Final = re.compile(rb"_e\{([0-9]{1,5}),([0-9]{1,5})\}:")


class RefusedError(ValueError):
    """A line that is not counted.

    Args:
        reason: one of `REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tail(NamedTuple):
    """Everything behind the value of a line.

    Attributes:
        kind: one of the values of `TYPES`.
        weight: how many each value stands for, as the client sends a sample: 1 / rate.
        tags: by name.
    """

    kind: str
    weight: int | float
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, or a service check.

    Attributes:
        title: of the event; the name of the check.
        tags: by name.
        facts: text, alert_type and the like, those that were given.
        status: of a check: 0 is good, 1 a warning, 2 critical, 3 unknown; None for an event.
    """

    title: str
    tags: dict[str, str]
    facts: dict[str, str]
    status: int | None = None


def read_number(text: bytes) -> int | float | None:
    """Read a finite decimal number, an int when it is whole and exact; None for anything else, as NaN or `1_0`."""
    if len(text) > MAX_NUMBER_LENGTH:
        return None
    if text.isdigit():
        integer = int(text)
        return integer if integer < _EXACT else float(integer)
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    if not isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def read_head(head: bytes) -> tuple[str, dict[str, str]]:
    """Read what is before the value: a name, and Telegraf's form of tags (`name,env=dev`).

    Raises:
        RefusedError: there is no name, or there are too many tags.
    """
    name, *tags = head.decode("utf-8", "replace").split(",")
    if not name.strip():
        raise RefusedError(MALFORMED)
    return name, _within_limits([tag.partition("=") for tag in tags])


def read_tail(tail: bytes) -> Tail:
    """Read what is after the value: a type, a rate, tags.

    Raises:
        RefusedError: no such type, a rate that is not above zero and at most 1, or too many tags.
    """
    type_, *fields = tail.split(b"|")
    kind = TYPES.get(type_)
    if kind is None:
        raise RefusedError(TYPE if type_ else MALFORMED)
    weight: int | float = 1
    tags: dict[str, str] = {}
    for field in fields:
        if field.startswith(b"@"):
            weight = _weight(field[1:])
        elif field.startswith(b"#"):
            tags = read_tags(field[1:])
    return Tail(kind, weight, tags)


def _weight(text: bytes) -> int | float:
    rate = read_number(text)
    if rate is None or not LEAST_RATE <= rate <= 1:
        raise RefusedError(RATE)
    weight = 1 / rate
    # 1 / 0.1 is 10, but 1 / 1e-5 is not quite 100,000, which it was meant to be.
    return round(weight) if isclose(weight, round(weight), rel_tol=1e-15, abs_tol=1e-9) else weight


def read_tags(text: bytes) -> dict[str, str]:
    """Read `env:dev,a:b:c,flag`: the first colon divides, a tag without one is "true", of two with a name the last.

    Raises:
        RefusedError: there are too many, or one is too long.
    """
    given = [tag.partition(":") for tag in text.decode("utf-8", "replace").split(",") if tag]
    return _within_limits([(name, colon, value if colon else "true") for name, colon, value in given])


def _within_limits(tags: list[tuple[str, str, str]]) -> dict[str, str]:
    if len(tags) > MAX_LABELS:
        raise RefusedError(TAGS)
    found = {name: value for name, _, value in tags if name and value}
    if any(len(name) > MAX_NAME_LENGTH or len(value) > MAX_LABEL_VALUE_LENGTH for name, value in found.items()):
        raise RefusedError(TAGS)
    return found


def is_happening(line: bytes) -> bool:
    """Tell whether a line of DogStatsD is an event or a service check, and no metric."""
    return line.startswith((b"_e{", b"_sc|"))


def read_happening(line: bytes) -> Happening:
    """Read an event (`_e{5,4}:title|text|t:error|#env:dev`) or a service check (`_sc|name|2|#env:dev|m:words`).

    Raises:
        RefusedError: it is neither, or has too many tags.
    """
    return _check(line) if line.startswith(b"_sc|") else _event(line)


def _event(line: bytes) -> Happening:
    lengths = _EVENT.match(line)
    if lengths is None:
        raise RefusedError(MALFORMED)
    rest, of_title, of_text = line[lengths.end() :], int(lengths[1]), int(lengths[2])
    parts = _divided(rest, of_title, of_text)
    if parts is None:  # hot-shots 17 says lengths as JavaScript has them
        wide = _divided(rest.decode("utf-8", "replace").encode("utf-16-le"), of_title, of_text, 2)
        if wide is None:
            raise RefusedError(MALFORMED)
        parts = [part.decode("utf-16-le", "replace").encode() for part in wide]
    title, text, fields = parts
    tags, facts = _fields(fields, _OF_EVENTS)
    return Happening(_words(title), tags, {"text": _words(text)} | facts)


def _divided(rest: bytes, of_title: int, of_text: int, unit: int = 1) -> list[bytes] | None:
    """Divide `title|text|fields` by the lengths of title and text; None when no `|` is where they end."""
    begin, end = (of_title + 1) * unit, (of_title + 1 + of_text) * unit
    bar = b"|".ljust(unit, b"\0")
    if not of_title or len(rest) < end:
        return None
    if rest[begin - unit : begin] != bar or rest[end : end + unit] not in (b"", bar):
        return None
    return [rest[: begin - unit], rest[begin:end], rest[end + unit :]]


def _check(line: bytes) -> Happening:
    _, name, status, *rest = [*line.split(b"|", 3), b"", b""][:5]
    if not name or status not in (b"0", b"1", b"2", b"3"):
        raise RefusedError(MALFORMED)
    tags, facts = _fields(rest[0], _OF_CHECKS)
    return Happening(_words(name), tags, facts, int(status))


_OF_EVENTS: Final = {
    b"t": "alert_type", b"p": "priority", b"h": "host", b"s": "source", b"k": "aggregation_key", b"d": "timestamp",
}  # fmt: skip
_OF_CHECKS: Final = {b"m": "message", b"h": "host", b"d": "timestamp"}


def _fields(text: bytes, known: dict[bytes, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Read the fields of an event or a check: its tags and its facts."""
    tags: dict[str, str] = {}
    facts: dict[str, str] = {}
    for field in text.split(b"|"):
        if field.startswith(b"#"):
            tags = read_tags(field[1:])
        else:
            sign, colon, value = field.partition(b":")
            if colon and value and sign in known:
                facts[known[sign]] = _words(value)
    if sum(map(len, [*tags, *tags.values()])) > _TAGS_OF_EVENTS:
        raise RefusedError(TAGS)
    return tags, facts


def _words(text: bytes) -> str:
    r"""Read a text for people, in which `\n` stands for the end of a line; it is cut to what an event may bear."""
    return text[:4_096].decode("utf-8", "replace").replace("\\n", "\n")
