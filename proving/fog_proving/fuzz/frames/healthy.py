"""Healthy nodes beside a hostile one: their frames, and what they have counted after each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from fog_agent.core.writer import Settings, Writer
from fog_proving.fuzz.frames.messages import MOST_STEPS
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import FamilySnapshot, Value

PATHS: Final[tuple[Path, ...]] = (("fog", "1"), ("fog", "2"))
_MAX_BYTES: Final = 100_000

Numbers: TypeAlias = dict[tuple[str, tuple[tuple[str, str], ...]], Value]
"""Values by the metric's name and labels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a healthy node, and its numbers after it."""

    path: Path
    data: bytes
    numbers: Numbers


@cache
def frames() -> tuple[tuple[Frame, ...], ...]:
    """Return the frames that healthy nodes send, round by round: a keyframe each, then deltas."""
    nodes = [_Node(number, path) for number, path in enumerate(PATHS, 1)]
    return tuple(tuple(node.next(turn) for node in nodes) for turn in range(MOST_STEPS + 1))


class _Node:
    def __init__(self, number: int, path: Path) -> None:
        self._path = path
        self._collector = TelemetryCollector(self_metrics=False)
        self._watch = self._collector.watch_series()
        self._orders = self._collector.register_counter("requests_total", "Requests", ["method"])
        self._waits = self._collector.register_histogram("request_duration_seconds", "Duration", [0.1, 1.0])
        self._busy = self._collector.register_counter("busy_seconds_total", "Time spent working", unit="seconds")
        self._depth = self._collector.register_gauge("queue_size", "Entries waiting", rollup=("sum", "max"))
        self._writer = Writer([self._watch], Settings(interval=10.0), epoch=number, now=0.0)

    def next(self, turn: int) -> Frame:
        self._orders.labels("GET").increment(3)
        self._busy.increment(0.5)
        self._waits.observe(0.5 * (turn % 4))
        self._depth.set(turn)
        part = self._writer.encode_part(0.0, _MAX_BYTES) if not turn else self._writer.encode_delta(0.0, _MAX_BYTES)
        if part is None:
            raise AssertionError("a healthy node has nothing to say")
        return Frame(self._path, part.data, numbers_of(self._collector.collect()))


def numbers_of(families: Iterable[FamilySnapshot]) -> Numbers:
    """Return the values of some families; of a gauge of a fleet its headline."""
    return {(one.family.name, series.labels): series.value for one in families for series in one.series}
