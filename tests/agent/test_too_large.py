"""Totals that no frame can carry: each is refused alone, counted and named once, and all other series go on."""

from __future__ import annotations

import logging

import pytest

from fog_agent.core.writer import Writer
from tests.agent.node import Node
from utilityfog_frontend.telemetry.exponential.value import Buckets
from utilityfog_frontend.telemetry.kinds import HistogramValue, MetricType, Value
from utilityfog_frontend.telemetry.model import ExponentialValue, Family, FamilySnapshot, SeriesSnapshot

HISTOGRAM = Family("h_seconds", MetricType.HISTOGRAM, bounds=(1.0,))
EXPONENTIAL = Family("e_seconds", MetricType.EXPONENTIAL_HISTOGRAM)
COUNTER = Family("c_total", MetricType.COUNTER)
FIRST: dict[Family, Value] = {
    HISTOGRAM: HistogramValue((3, 1), 2.5),
    EXPONENTIAL: ExponentialValue(3, 1, Buckets(0, (2,)), Buckets(), 2.5),
    COUNTER: 7,
}


class Told:
    """A series whose values the test tells, and nobody checks; it is its own watch."""

    def __init__(self, family: Family, value: Value) -> None:
        self.family = family
        self.labels = (("l", "x"),)
        self.gate = None
        self.value = value
        self.refuse_newcomers = False
        self._all = (self,)

    def read(self) -> Value:
        """Return the value."""
        return self.value

    peek = read

    def series(self) -> tuple[Told, ...]:
        """Return itself."""
        return self._all

    def take_ended(self) -> list[Told]:
        """Return nothing."""
        return []


BAD: list[tuple[Family, Value]] = [
    (HISTOGRAM, HistogramValue((2**63 + 3, 1), 2.5)),
    (HISTOGRAM, HistogramValue((3, 2**64), 2.5)),
    (HISTOGRAM, HistogramValue((3, 2), 10**400)),
    (EXPONENTIAL, ExponentialValue(3, 2**64, Buckets(0, (2,)), Buckets(), 2.5)),
    (EXPONENTIAL, ExponentialValue(3, 2**63, Buckets(0, (2,)), Buckets(), 2.5)),
    (EXPONENTIAL, ExponentialValue(3, 1, Buckets(0, (2,)), Buckets(4, (2**64,)), 2.5)),
    (COUNTER, 2**64),
    (COUNTER, 10**400),
]


@pytest.mark.parametrize(("family", "value"), BAD, ids=lambda one: str(one)[:60])
@pytest.mark.parametrize("told", [True, False])
def test_one_total_ends_nobody_s_frames(family: Family, value: Value, *, told: bool) -> None:
    """Whichever frame meets it, a delta or a keyframe: others travel, it stays, and so through the next epoch."""
    bad = Told(family, FIRST[family] if told else value)
    node = Node()
    node.writer = Writer([node.watch, bad], node.settings, epoch=7, now=node.now)
    fine = node.collector.register_counter("fine_total", "")
    fine.increment()
    node.keyframe()
    bad.value = value
    for expected in (2, 3):
        fine.increment()
        node.delta()
        assert node.reader.total("fine_total") == expected
    node.keyframe()
    assert node.reader.total("fine_total") == 3
    if family is not COUNTER:  # a count stays at the largest, as it always did
        assert node.writer.refused == 1
        [text] = node.writer.take_refusals()
        assert family.name in text
        assert "l='x'" in text
        assert node.writer.take_refusals() == []
        for part in node.writer.finish(node.now, 10**6):
            node.reader.read(part.data)
        assert node.reader.total(family.name, l="x") == _read(FIRST[family] if told else family.zero)


def _read(value: Value) -> object:
    reader = Node()
    family = HISTOGRAM if isinstance(value, HistogramValue) else EXPONENTIAL
    reader.writer = Writer([Told(family, value)], reader.settings, epoch=7, now=reader.now)
    reader.keyframe()
    return reader.reader.total(family.name, l="x")


@pytest.mark.parametrize(("family", "value"), BAD, ids=lambda one: str(one)[:60])
def test_a_source_s_total_is_refused_at_the_door(
    family: Family, value: Value, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted each time and named once, the last good value stays, and what is told later counts."""
    node = Node()
    values = [FIRST[family]]
    node.collector.add_source(lambda: [FamilySnapshot(family, [SeriesSnapshot((("l", "x"),), values[-1])])])
    node.keyframe()
    good = node.reader.total(family.name, l="x")
    values.append(value)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            node.delta()
    assert node.reader.total(family.name, l="x") == good
    assert node.writer.refused == 0
    assert caplog.text.count(family.name) == 1
