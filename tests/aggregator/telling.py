"""Strategies for the properties of a state: the frames of some writers, as bytes."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.outcome import Outcome
from fog_proving.sim.books import Cells, add
from fog_proving.sim.checks import totals_of
from fog_schema.codec import decode
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

FEW = settings(max_examples=25)
"""Each example is a small fleet's life."""
START = 1_700_000_000.0
PATHS: tuple[Path, ...] = (("f", "0"), ("f", "0"), ("f", "1"), ("f",))
BOUNDS = ([1.0, 2.0], [1.0, 2.0, 4.0])
STEPS = st.tuples(
    st.integers(0, len(PATHS) - 1),
    st.sampled_from(
        ["count", "fraction", "child", "observe", "set", "remove", "reset", "tell", "tell", "keyframe", "end"]
    ),
    st.integers(0, 9),
)


class Telling(NamedTuple):
    """One frame as it comes to an aggregator."""

    path: Path
    data: bytes
    at: float


class _Teller:
    """A writer that does what it is told and says so."""

    def __init__(self, number: int) -> None:
        self.path = PATHS[number]
        self.ended = False
        collector = TelemetryCollector(self_metrics=False)
        self._whole = collector.register_counter("whole_total")
        self._mixed = collector.register_counter("mixed_total")
        self._child = collector.register_counter("child_total", "", ["job"])
        self._delay = collector.register_histogram("delay", "", BOUNDS[number % 2])
        self._load = collector.register_gauge("load", "", ["job"], rollup="sum")
        self._writer = Writer([collector.watch_series()], Settings(), epoch=number + 1, now=0.0)

    def do(self, what: str, number: int) -> list[bytes]:
        """Do one thing; the frames that come of it, small ones."""
        writer, job = self._writer, "ab"[number % 2]
        match what:
            case "count":
                self._whole.increment(number)
            case "fraction":
                self._mixed.increment(number / 4)
            case "child":
                self._child.labels(job=job).increment(number)
            case "observe":
                self._delay.observe(number / 2)
            case "set":
                self._load.labels(job=job).set(number)
            case "remove":
                self._child.remove(job)
                self._load.remove(job)
            case "reset":
                self._mixed.reset()
            case "end":
                self.ended = True
                return [frame.data for frame in writer.finish(0.0, 400)]
            case _:
                writer.keyframe_due |= what == "keyframe"
                return self._tell()
        return []

    def _tell(self) -> list[bytes]:
        frames: list[bytes] = []
        if not self._writer.keyframe_due:
            delta = self._writer.encode_delta(0.0, 400)
            if delta is not None:
                return [delta.data]
        while not frames or self._writer.within_keyframe:
            frames.append(self._writer.encode_part(0.0, 400).data)
        return frames


@st.composite
def tellings(draw: st.DrawFn) -> list[Telling]:
    """Draw the frames of four writers at three paths, in their order."""
    tellers = [_Teller(number) for number in range(len(PATHS))]
    told = []
    steps = [*draw(st.lists(STEPS, max_size=60)), *((number, "tell", 0) for number in range(len(PATHS)))]
    for place, (number, what, how) in enumerate(steps):
        teller = tellers[number]
        if not teller.ended:
            told += [Telling(teller.path, data, START + place) for data in teller.do(what, how)]
    return told


def hear(state: Fleet, told: list[Telling]) -> list[Outcome]:
    """Apply some frames."""
    return [state.apply(path, decode(data), at) for path, data, at in told]


def totals(*states: Fleet) -> dict[Path, Cells]:
    """Add up some states at and under each path; exact, as fractions are quarters."""
    together: dict[Path, Cells] = {}
    for state in states:
        for path, cells in totals_of(state).items():
            add(together.setdefault(path, {}), cells)
    return {path: {cell: value for cell, value in cells.items() if value} for path, cells in together.items()}
