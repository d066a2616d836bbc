"""Write the messages of one attack as bytes, and read them: the inputs of the fuzz, and the files of its corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack

METRICS, EVENTS, ROLLUPS, CONTROL, TICK = range(5)
"""The sorts of steps: a message of one of the streams, or a tick of the clock."""
PLACES: Final = ("fog.9", "fog.9.1", "fog.b", "fog.b.1", "fog.~retired", "fog")
"""Where hostile messages come from: a node, one under it, a branch, a node of it, what is no path, an inner node."""
MOST_STEPS: Final = 64
MOST_SECONDS: Final = 3_600
LONGEST: Final = 200_000


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Attributes:
        kind: METRICS, EVENTS, ROLLUPS or CONTROL for a message of that stream, TICK for a tick.
        place: The number of the place that the message is from.
        seconds: The time that has passed since the step before.
        data: The message's bytes.
    """

    kind: int
    place: int = 0
    seconds: int = 0
    data: bytes = b""


def pack(steps: Sequence[Step]) -> bytes:
    """Return the bytes of an attack."""
    packed: bytes = msgpack.packb([(step.kind, step.place, step.seconds, step.data) for step in steps])
    return packed


def unpack(data: bytes) -> list[Step]:
    """Return the steps of an attack; any bytes are one, if only an empty one."""
    try:
        found = msgpack.unpackb(data, strict_map_key=False, max_array_len=MOST_STEPS)
    except (ValueError, msgpack.UnpackException):
        return []
    return [_step(*one) for one in found if _is_step(one)] if isinstance(found, list) else []


def _is_step(value: Any) -> bool:
    types = [int, int, int, bytes]
    return isinstance(value, list) and [type(one) for one in value] == types


def _step(kind: int, place: int, seconds: int, data: bytes) -> Step:
    return Step(kind % (TICK + 1), place % len(PLACES), seconds % (MOST_SECONDS + 1), data[:LONGEST])


def seeds(vectors: Path) -> list[list[Step]]:
    """Return attacks of one message each: the golden vectors, in the stream where they belong and in others."""
    found = []
    for file in sorted(vectors.glob("*/*.hex")):
        data = bytes.fromhex("".join(line.partition("#")[0] for line in file.read_text().splitlines()))
        kind = CONTROL if file.name.startswith("command") else EVENTS if file.name.startswith("event") else METRICS
        if file.name.startswith("rollup"):
            kind = ROLLUPS
        found.append([Step(kind, 2 if kind == ROLLUPS else 0, 1, data)])
    return found
