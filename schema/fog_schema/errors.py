"""Refusals of the wire, with the reason as a value.

SchemaError(ValueError)
├── PathError      a path, a subject or a path template that cannot be used
└── FrameError     bytes that are not a frame; ``reason`` is one of `REASONS`
"""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "not_a_frame": "does not begin as a frame must: it is somebody else's message",
    "version": "a version of the wire that this reader does not know",
    "kind": "a kind of frame that this reader does not know",
    "malformed": "the envelope does not have the shape that the specification gives",
    "limit": "larger than a limit of the wire allows",
    "column": "a typed column of a wrong type or length",
    "ids": "an id column that is not strictly ascending, or out of range",
    "definition": "a definition with a name, label, type or bounds that are not allowed",
    "event": "an event that does not have the shape that the specification gives",
    "command": "a command that does not have the shape that the specification gives",
}


class SchemaError(ValueError):
    """Anything that the wire contract refuses."""


class PathError(SchemaError):
    """A path, subject or template that cannot be used; the text says which token and what to write instead."""


class FrameError(SchemaError):
    """Bytes that are not a valid frame.

    Attributes:
        reason: a key of `REASONS`; stable, meant for a counter's label.
        detail: what was found, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
