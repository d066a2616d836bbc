"""Read one line of Prometheus' text format 0.0.4 with care. Pure.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/, and what prometheus_client's parser makes of it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

NUMERIC: Final = b"0123456789.eE+-"
"""The bytes of a number; `float` takes more, such as `1_0`."""

_NAME: Final = re.compile(rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*")
_ITEM: Final = re.compile(
    rb'[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")[ \t]*(?:=[ \t]*"((?:[^"\\]|\\.)*)")?[ \t]*([,}])'
)
_END: Final = re.compile(rb"[ \t]*\}")
_VALUE: Final = re.compile(rb"[ \t]*([^ \t]+)(?:[ \t]+([+-]?[0-9]+))?[ \t]*")
_NUMBER: Final = re.compile(
    rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf|infinity)|nan", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r'\\([\\n"])')
_COMMENT: Final = re.compile(rb"#[ \t]*(TYPE|HELP)[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*|\"(?:[^\"\\]|\\.)*\")(?:[ \t]+(.*))?")


class Parsed(NamedTuple):
    """One sample.

    Attributes:
        key: The bytes before the value, without the one space between them; empty when something else is.
        name: The sample's name.
        labels: Its labels in their order; none is empty.
        text: The value as it is written.
        value: The value.
        stamped: It has a time of its own.
    """

    key: bytes
    name: str
    labels: dict[str, str]
    text: bytes
    value: float
    stamped: bool


class Comment(NamedTuple):
    """The description of a metric in a comment.

    Attributes:
        word: TYPE or HELP.
        name: The metric's name.
        text: Its type, or its help.
    """

    word: str
    name: str
    text: str


def parse_number(text: bytes) -> float:
    """Return a value.

    Raises:
        ValueError: It is none.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{shown(text)} is no number")
    return float(text)


def parse_sample(line: bytes) -> Parsed:
    """Return the sample of a line.

    Raises:
        ValueError: The line is none.
    """
    begun = _NAME.match(line)
    name = begun[1].decode() if begun and begun[1] else ""
    at = begun.end() if begun else 0
    labels: dict[str, str] = {}
    if line[at : at + 1] == b"{":
        quoted, labels, at = _parse_labels(line, at + 1)
        if quoted and name:
            raise ValueError(f"{shown(line)} has two names")
        name = quoted or name
    elif name and line[at - 1 : at] not in {b" ", b"\t"}:
        raise ValueError(f"{shown(line)} has no value, or a name that is none")
    if not name:
        raise ValueError(f"{shown(line)} has no name")
    rest = _VALUE.fullmatch(line, at)
    if rest is None:
        raise ValueError(f"{shown(line)} has more than a value and a time, or none")
    before = rest.start(1) - 1
    key = line[:before] if line[before : before + 1] == b" " else b""
    return Parsed(key, name, labels, rest[1], parse_number(rest[1]), rest[2] is not None)


def parse_comment(line: bytes) -> Comment | None:
    """Return what a comment says; None when it is for people alone.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    found = _COMMENT.fullmatch(line)
    if found is None:
        return None
    name = found[2].decode()
    if name.startswith('"'):
        name = _unescaped(name[1:-1])
    text = (found[3] or b"").decode()
    return Comment(found[1].decode(), name, text.strip() if found[1] == b"TYPE" else _unescaped(text))


def shown(line: bytes) -> str:
    """Return the beginning of a line, for people."""
    text = repr(line[:80].decode(errors="replace"))
    return text if len(line) <= 80 else text + "…"


def _parse_labels(line: bytes, at: int) -> tuple[str, dict[str, str], int]:
    """Return the name among the labels, if there is one, the labels, and where they end."""
    name = ""
    labels: dict[str, str] = {}
    while (end := _END.match(line, at)) is None:
        item = _ITEM.match(line, at)
        if item is None:
            raise ValueError(f"{shown(line)} has labels that are none")
        label = item[1].decode() if item[1] is not None else _unescaped(item[2].decode())
        at = item.end()
        if item[3] is None:
            if item[1] is not None or name or labels:
                raise ValueError(f"{shown(line)} has a label without a value")
            name = label
        elif label in labels or label == "__name__":
            raise ValueError(f"{shown(line)} has two labels {label!r}" if label in labels else "has two names")
        else:
            labels[label] = _unescaped(item[3].decode())
        if item[4] == b"}":
            return name, {one: text for one, text in labels.items() if text}, at
    return name, {one: text for one, text in labels.items() if text}, end.end()


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text) if "\\" in text else text
