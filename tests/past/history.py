"""A fleet whose frames are stored as a stream would, and what its collector showed after each of them."""

from __future__ import annotations

import random
from typing import TypeAlias

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from fog_aggregator.core.outcome import Outcome
from fog_aggregator.past.answer import Answer
from fog_aggregator.promql.labels import NAME, Labels, make_labels
from fog_aggregator.promql.storage import is_stale
from fog_aggregator.query.selection import Selection
from fog_bus.ports import Message
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import Fleet, Member
from utilityfog_frontend.telemetry.exposition import negotiate

Shown: TypeAlias = dict[Labels, float]
"""The samples of an exposition."""
SUBJECTS = Subjects()
KEYFRAME_STEPS = 390
"""An hour and more at 10 s: as late as a writer sends one."""


class StoredFleet(Fleet):
    """A fleet with its stream.

    Attributes:
        messages: the frames as a stream has them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def apply(self, path: Path, data: bytes) -> Outcome:
        """Store a frame, and hear it."""
        stored = Message(SUBJECTS.metrics(path), data, len(self.messages) + 1, round(self.now * 1e9))
        self.messages.append(stored)
        return super().apply(path, data)

    def shown(self, path: Path, *, own: bool) -> Shown:
        """Return the samples that the collector shows of a node or a subtree now, with the labels of the view."""
        label = {"fog_node" if own else "fog_path": "/".join(path)}
        found = {}
        exposition = negotiate("application/openmetrics-text")
        families = [
            one
            for one in self.network.collect(Selection(path, own=own))
            if not one.family.name.startswith("fog_aggregator")
        ]
        text = b"".join(exposition.iter(families)).decode()
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    found[make_labels({**sample.labels, **label, NAME: sample.name})] = sample.value
        return found

    def of(self, path: Path, *, own: bool, since: float = 0.0) -> list[Message]:
        """Return the frames of a node or of a subtree from a time on, as a filtered consumer gives them."""
        exact, below = SUBJECTS.metrics(path), SUBJECTS.metrics(path) + "."
        return [
            one
            for one in self.messages
            if (one.subject == exact or (not own and one.subject.startswith(below))) and one.timestamp >= since
        ]


def at(answer: Answer, time: int) -> Shown:
    """Return the samples of an answer at a moment, or the newest one before it."""
    place = int(answer.times.searchsorted(time, side="right")) - 1
    return {
        labels: float(value)
        for labels, value, there, stale in zip(
            answer.labels,
            answer.values[:, place].tolist(),
            answer.present[:, place].tolist(),
            is_stale(answer.values[:, place].copy()).tolist(),
            strict=True,
        )
        if there and not stale
    }


class Program:
    """A program that counts at random, as a seed says."""

    def __init__(self, member: Member, random: random.Random) -> None:
        self.member = member
        self._random = random
        self._steps = random.randrange(KEYFRAME_STEPS)
        collector = member.collector
        self._requests = collector.register_counter("requests_total", "Requests", ["code"])
        self._joules = collector.register_counter("energy_joules_total", "Energy", unit="joules")
        self._wait = collector.register_histogram("wait_seconds", "Waiting", [0.1, 1.0], unit="seconds")
        self._health = collector.register_gauge("health", "Health", rollup=("max", "count_values"))
        self._depth = collector.register_gauge("depth", "No choice", ["queue"])

    def work(self) -> None:
        """Count something of everything, and let a keyframe be due every hour."""
        draw = self._random
        self._steps += 1
        self.member.writer.keyframe_due |= self._steps % KEYFRAME_STEPS == 0
        self._requests.labels(draw.choice(["200", "500"])).increment(draw.randint(0, 5))
        self._joules.increment(draw.choice([1, 0.25]))
        self._wait.observe(draw.choice([0.05, 0.5, 5.0]))
        self._health.set(draw.randint(0, 3))
        self._depth.labels(draw.choice("ab")).set(draw.choice([1.5, float("inf"), 7.0]))
        if draw.random() < 0.05:
            self._requests.remove("500")
