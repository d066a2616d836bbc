"""Judge a soak: memory is flat and within its bound, answers come in time, and healthy nodes' numbers are exact."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fog_cli.actions.books import Book
from fog_proving.soak.attacks import ATTACKS
from fog_proving.soak.watching import Watch, quantile

_FLAT: Final = 0.1
"""Share of its size by which a process may grow after the warm-up."""
_ROUNDING: Final = 12 * 2**20
"""So many bytes more: allocators take memory in large pieces."""
MEMORY_MIB: Final = 512
"""The memory that the aggregator is given, mebibytes."""
_HISTORY: Final = "8MiB"
_SHORTEST_HORIZON: Final = 60.0
"""Streams keep their messages for half of it: a busy machine may be late by as much."""
_WARM_UP: Final = 0.4
"""Share of the time until memory must be flat."""
_HORIZONS: Final = 2.5
"""The warm-up in horizons: what nobody has any more has left by then."""
_MEBIBYTE: Final = 2**20
AGGREGATOR: Final = "aggregator"


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a soak.

    Attributes:
        seconds: How long it lasts.
        nodes: How many healthy nodes send each second.
        rate: Bytes a second of the hostile path.
        options: More options of the aggregator.
        seed: Of everything that chance decides.
    """

    seconds: float
    nodes: int
    rate: int
    options: Sequence[str]
    seed: int

    @property
    def warm_up(self) -> float:
        """Seconds until memory must be flat: by then every attack had its turn, and as much leaves as comes."""
        return max(self.seconds * _WARM_UP, _HORIZONS * self.horizon)

    @property
    def turn(self) -> float:
        """Seconds that an attack lasts: each comes twice in the warm-up at least."""
        return max(1.0, self.seconds * _WARM_UP / (2 * len(ATTACKS)))

    @property
    def horizon(self) -> float:
        """Seconds of silence after which things leave: label sets after two of them; streams keep half of one."""
        return max(_SHORTEST_HORIZON, round(self.seconds * _WARM_UP / _HORIZONS))

    @property
    def bounds(self) -> list[str]:
        """Options of the aggregator that let all it holds reach its bound within the warm-up."""
        return [
            "--horizon",
            f"{self.horizon:g}s",
            "--memory",
            f"{MEMORY_MIB}MiB",
            "--history-memory",
            _HISTORY,
        ]


class Wrong(NamedTuple):
    """Something that must not be.

    Attributes:
        about: One of LATE, MEMORY, COUNTS and ENDED.
        text: It in words.
    """

    about: str
    text: str


LATE, MEMORY, COUNTS, ENDED = "late", "memory", "counts", "ended"


@dataclass(slots=True)
class Result:
    """The result of a soak.

    Attributes:
        figures: Lines of Markdown, as they stand in a document.
        wrong: Everything that must not be.
    """

    figures: list[str] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    def find(self, about: str, text: str) -> None:
        """Note something that must not be."""
        self.wrong.append(Wrong(about, text))


def judge(plan: Plan, watch: Watch, sent: Mapping[str, int]) -> Result:
    """Judge memory and answers."""
    result = Result()
    result.figures += [
        f"| {plan.seconds:g} s | mean after {plan.warm_up:g} s | most | growth | of a processor |",
        "|---|---|---|---|---|",
    ]
    for name, memory in watch.memory.items():
        mean, growth, most = memory.mean(plan.warm_up), memory.growth(plan.warm_up), max(memory.sizes, default=0)
        flat = growth <= _FLAT * mean + _ROUNDING
        sizes = f"{mean / _MEBIBYTE:.1f} MiB | {most / _MEBIBYTE:.1f} MiB | {growth / _MEBIBYTE:+.1f} MiB"
        share = memory.worked / max(1.0, memory.times[-1]) if memory.times else 0.0
        result.figures.append(f"| {name} | {sizes}{'' if flat else ', **not flat**'} | {share:.0%} |")
        if not flat:
            result.find(MEMORY, f"the {name} grows by {growth / _MEBIBYTE:.1f} MiB after the warm-up")
        if name == AGGREGATOR and most > MEMORY_MIB * _MEBIBYTE:
            result.find(MEMORY, f"the {name} takes {most / _MEBIBYTE:.1f} MiB, and has been given {MEMORY_MIB}")
    _judge_answers(watch, result)
    load = f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} processors"
    result.figures.append(f"- Load of the machine in the last five minutes: {load}.")
    attacks = ", ".join(f"{name} {count:,}" for name, count in sent.items())
    result.figures.append(f"- Hostile messages: {attacks}.")
    return result


def _judge_answers(watch: Watch, result: Result) -> None:
    """Judge how fast /metrics was answered."""
    half, late, most = (quantile(watch.answers, part) for part in (0.5, 0.99, 1.0))
    answers = f"{len(watch.answers)} answers, half of them within {half:.2f} s, 99 % within {late:.2f} s"
    slowest = f"the slowest {most:.2f} s; the largest {max(watch.sizes, default=0):,} bytes"
    result.figures += ["", f"- `/metrics`: {answers}, {slowest}."]
    for failure in watch.failures:
        result.find(LATE, f"/metrics {failure}")


def swarm_book(report: Mapping[str, Any], result: Result) -> Book:
    """Take over what the swarm of healthy nodes says of itself; return what it has counted."""
    if "error" in report:
        result.find(ENDED, f"the swarm: {report['error']}")
        return {}
    result.figures.append(
        f"- Swarm: {report['frames']:,} frames, {sum(report['counted'].values()):,} counted, {report['ended']:,} nodes"
        f" ended, {report['restarted']:,} began anew, {report['dropped']:,} intervals left out."
    )
    if not report["all_acknowledged"]:
        result.find(COUNTS, "not all frames of the swarm were acknowledged")
    counted: Book = report["counted"]
    return counted
