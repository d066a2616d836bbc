"""Commands of an operator, to bytes and back. Pure: values in, values out.

A command is the msgpack array ``[magic, version, 5, command, body]``; the body is a map from small field numbers. Its
subject says which part of the tree it is for, and the server decides who may publish there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgpack

from fog_schema import limits
from fog_schema.codec import PREAMBLE, read_envelope
from fog_schema.errors import FrameError
from fog_schema.frames import COMMAND, MAGIC, VERSION

COMMAND_LENGTH: Final = 5
COMMAND_PREAMBLE: Final = bytes([0x90 | COMMAND_LENGTH]) + PREAMBLE[1:]

FORGET, SILENCE, UNSILENCE, QUARANTINE, REBASE, LIFT = 1, 2, 3, 4, 5, 6
COMMAND_NAMES: Final = {
    FORGET: "forget",
    SILENCE: "silence",
    UNSILENCE: "unsilence",
    QUARANTINE: "quarantine",
    REBASE: "rebase",
    LIFT: "lift",
}
"""The commands."""

OPERATORS: Final = ("=", "!=", "=~", "!~")
"""How a matcher compares, by its number: equal, not equal, a regular expression of RE2, not such a one."""

Matcher: TypeAlias = tuple[int, str, str]
"""A number of `OPERATORS`, the name of a label and the value that it is compared with."""


@dataclass(frozen=True, slots=True)
class Command:
    """A wish of an operator to all aggregators that read a path.

    Attributes:
        command: One of `COMMAND_NAMES`.
        id: The name of a silence, a random one; empty for a command that needs none.
        author: The operator, for people.
        comment: The reason, for people.
        matchers: Of a silence: the alerts that fulfil all of them are silenced.
        starts_at: Of a silence: its beginning, milliseconds since 1970; 0 for the moment at which it is stored.
        ends_at: Of a silence: its end, milliseconds since 1970; 0 when `duration` says it.
        duration: Of a silence: milliseconds from its beginning to its end; 0 when `ends_at` says it.
        unknown_fields: How many fields of a later version were skipped.
    """

    command: int
    id: str = ""
    author: str = ""
    comment: str = ""
    matchers: tuple[Matcher, ...] = ()
    starts_at: int = 0
    ends_at: int = 0
    duration: int = 0
    unknown_fields: int = 0


def encode_command(command: Command) -> bytes:
    """Return the bytes of a command.

    Raises:
        FrameError: When no reader would take it; the text says why.
    """
    body = {
        number: value
        for number, (name, _) in COMMAND_FIELDS.items()
        if (value := getattr(command, name)) not in ("", 0, ())
    }
    data: bytes = msgpack.packb((MAGIC, VERSION, COMMAND, command.command, body), unicode_errors="replace")
    decode_command(data)
    return data


def decode_command(data: bytes) -> Command:
    """Decode and check a command; any bytes give a command or a FrameError.

    Raises:
        FrameError: With a reason of `fog_schema.errors.REASONS`; `kind` for a command that is not known here.
    """
    elements = read_envelope(data, COMMAND_LENGTH)
    kind, what, body = elements[2:COMMAND_LENGTH]
    if not (type(kind) is type(what) is int and type(body) is dict and len(body) <= limits.MAX_FIELDS):
        raise FrameError("malformed", "not a command: its kind, its number and a map of fields are expected")
    if kind != COMMAND or what not in COMMAND_NAMES:
        raise FrameError("kind", f"command {what} of kind {kind} is not known")
    values: dict[str, Any] = {}
    unknown = len(elements) - COMMAND_LENGTH
    for number, value in body.items():
        field = COMMAND_FIELDS.get(number) if type(number) is int else None
        if field is None:
            unknown += 1
        else:
            name, is_valid = field
            if not is_valid(value):
                raise FrameError("command", f"the field {name} does not have the shape that is expected")
            values[name] = value
    command = Command(what, **values, unknown_fields=unknown)
    _check(command)
    return command


def _check(command: Command) -> None:
    """Check that a command has what it needs."""
    if command.command in (SILENCE, UNSILENCE) and not command.id:
        raise FrameError("command", "a silence has an id")
    if command.command in (QUARANTINE, REBASE) and not command.comment.strip():
        raise FrameError("command", f"a {COMMAND_NAMES[command.command]} says why")
    if command.command == SILENCE:
        if not command.matchers:
            raise FrameError("command", "a silence has matchers")
        if bool(command.ends_at) is bool(command.duration):
            raise FrameError("command", "a silence has either an end or a duration")
        if command.ends_at and command.ends_at <= command.starts_at:
            raise FrameError("command", "a silence ends after it begins")


def _is_text(longest: int) -> Callable[[object], bool]:
    return lambda value: type(value) is str and len(value) <= longest


def _is_time(value: object) -> bool:
    return type(value) is int and 0 <= value <= limits.MAX_TIMESTAMP * 1000


def _are_matchers(value: object) -> bool:
    return type(value) is tuple and len(value) <= limits.MAX_LABELS and all(map(_is_matcher, value))


def _is_matcher(value: object) -> bool:
    if type(value) is not tuple or len(value) != 3:
        return False
    operator, name, text = value
    return (
        type(operator) is int
        and 0 <= operator < len(OPERATORS)
        and type(name) is str
        and 0 < len(name) <= limits.MAX_NAME_LENGTH
        and type(text) is str
        and len(text) <= limits.MAX_LABEL_VALUE_LENGTH
    )


COMMAND_FIELDS: Final[dict[int, tuple[str, Callable[[object], bool]]]] = {
    1: ("id", _is_text(limits.MAX_ID_LENGTH)),
    2: ("author", _is_text(limits.MAX_INFO_LENGTH)),
    3: ("comment", _is_text(limits.MAX_COMMENT_LENGTH)),
    4: ("matchers", _are_matchers),
    5: ("starts_at", _is_time),
    6: ("ends_at", _is_time),
    7: ("duration", _is_time),
}
"""The fields of a body by their number: the attribute, and the test of its value."""
