"""Read what jobs tell: a header, and lines of the text format with a type before them. Pure."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final, NamedTuple

from fog_agent.sources.jobs.kinds import KINDS, Kind, kind_of
from fog_schema.limits import MAX_LABEL_VALUE_LENGTH, MAX_LABELS, MAX_NAME_LENGTH
from utilityfog_frontend.telemetry.support.numeric import WHOLE_LIMIT

MALFORMED: Final = "malformed"
VALUE: Final = "value"
TOO_LONG: Final = "too_long"

EVENT: Final = "event"
"""Stands before the line of an event, as the word of a kind before that of a value."""

MAX_TEXT: Final = 4_096
"""Characters of an event's text; the rest is left out."""

_HEADER: Final = re.compile(r"fog1 ([0-9]{1,12}(?:\.[0-9]{1,9})?) (sync|-)")
_BEGIN: Final = re.compile(r"(?:(counter|gauge|histogram|event)[ \t]+)?([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(\{)?")
_PAIR: Final = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,|(?=\}))')
_STATSD: Final = re.compile(r"[^\s{#|:]+(?:#[^\s|:]*)?:[^\s|]*\||_e\{|_sc\|")
_ESCAPED: Final = re.compile(r"\\(.)")


class RefusedError(ValueError):
    """A message or a line of it is not taken.

    Args:
        reason: a word for the metric.
        text: what is wrong, for a person.
        count: how many lines that is.
    """

    def __init__(self, reason: str, text: str, count: int = 1) -> None:
        super().__init__(text)
        self.reason = reason
        self.count = count


class Message(NamedTuple):
    """The lines that one job sends at once.

    Attributes:
        sent_at: unix seconds.
        sync: the job waits for an answer.
        lines: as they came.
    """

    sent_at: float
    sync: bool
    lines: list[str]


LOOK: Final = b"fog1 look"
"""A message of a job that has put what it tells into the spool, of an agent with a journal."""


class Line(NamedTuple):
    """One line: what a counter goes up by, what a gauge is, one observation; or an event's text, without a kind."""

    kind: Kind | None
    name: str
    labels: dict[str, str]
    value: int | float
    text: str = ""


def read_message(data: bytes) -> Message:
    """Read a message.

    Raises:
        RefusedError: it is none.
    """
    try:
        header, *lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise RefusedError(MALFORMED, "a message is not UTF-8") from None
    match = _HEADER.fullmatch(header)
    if match is None:
        raise RefusedError(MALFORMED, f"a message begins with {header[:60]!r}, not with fog1 and a time")
    return Message(float(match[1]), match[2] == "sync", [line for line in lines if line and not line.startswith("#")])


def is_statsd(line: str) -> bool:
    """Tell whether a line is one of statsd."""
    return _STATSD.match(line) is not None


def read_line(line: str) -> Line:
    """Read a line. Without a type a name with _total at its end is a counter's, any other a gauge's.

    Raises:
        RefusedError: it is none, or its value is none of its type.
    """
    match = _BEGIN.match(line)
    if match is None:
        raise RefusedError(MALFORMED, f"{line[:60]!r} is no line of the text format")
    word, name, opened = match.groups()
    labels, rest = _labels(line, match.end()) if opened else ({}, line[match.end() :])
    if len(name) > MAX_NAME_LENGTH or len(labels) > MAX_LABELS:
        raise RefusedError(TOO_LONG, f"{line[:60]!r}: its name or its labels are too long or too many")
    rest = rest.strip()
    if word == EVENT:
        return Line(None, name, labels, 0, _text(rest, line))
    kind = KINDS[word] if word else kind_of(name)
    return Line(kind, name, labels, _value(kind, rest, line))


def _labels(line: str, at: int) -> tuple[dict[str, str], str]:
    labels: dict[str, str] = {}
    while line[at : at + 1] != "}":
        match = _PAIR.match(line, at)
        if match is None or match[1] in labels:
            raise RefusedError(MALFORMED, f"{line[:60]!r}: its labels are not as the text format has them")
        labels[match[1]] = _unescaped(match[2])
        if len(labels[match[1]]) > MAX_LABEL_VALUE_LENGTH:
            raise RefusedError(TOO_LONG, f"{line[:60]!r}: the value of {match[1]} is too long")
        at = match.end()
    return labels, line[at + 1 :]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text


def _text(rest: str, line: str) -> str:
    if len(rest) < 2 or rest[0] != '"' or rest[-1] != '"':
        raise RefusedError(MALFORMED, f"{line[:60]!r}: an event has a text in quotes")
    return _unescaped(rest[1:-1])[:MAX_TEXT]


def _value(kind: Kind, text: str, line: str) -> int | float:
    """Read a number; one without a fraction is whole, so that a counter of such is exact."""
    try:
        value = float(text)
    except ValueError:
        more = ": leave its time out" if len(text.split()) == 2 else ""
        raise RefusedError(VALUE, f"{line[:60]!r}: {text[:40]!r} is no number{more}") from None
    if not isfinite(value) or value < kind.least or (not kind.latest and abs(value) >= WHOLE_LIMIT):
        raise RefusedError(VALUE, f"{line[:60]!r}: {text[:40]} is nothing that a {kind.word} takes")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
