"""The samples of a unit test: those of its series up to now, and those that rules have written."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fog_aggregator.promql.evaluation.context import Options
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.promql.query import instant_query
from fog_aggregator.rules.evaluate import vector_of
from fog_aggregator.rules.ports import Sample
from fog_aggregator.rules.series import SampleStore
from fog_aggregator.rules.templates import Vector
from fog_aggregator.rules.unit_tests.model import UnitTest

_FOREVER: Final = 2**62


class UnitTestSamples:
    """A storage for rules whose time is moved on by hand."""

    def __init__(self, test: UnitTest, options: Options, subquery_step: int) -> None:
        self._store = SampleStore(retention=_FOREVER)
        self._options = replace(options, subquery_step=subquery_step)
        self._last: dict[Labels, tuple[int, bytes]] = {}
        self._waiting = sorted(
            (
                Sample(labels, test.start + place * test.interval, value)
                for labels, values in test.series.items()
                for place, value in enumerate(values)
                if value is not None
            ),
            key=lambda sample: -sample.time,
        )

    def advance(self, now: int) -> None:
        """Let the samples of the series come in, up to a time."""
        while self._waiting and self._waiting[-1].time <= now:
            self.write([self._waiting.pop()])

    def query(self, expression: str | Expression, at: int) -> Vector:
        """Evaluate an expression at a time, on the samples that have come in."""
        return vector_of(instant_query(expression, self._store, at, self._options))

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples; a second value for a time is refused."""
        problem = ""
        for sample in samples:
            time, bits = sample.time, struct.pack("d", sample.value)
            last = self._last.get(sample.labels)
            if last is None or last[0] < time:
                self._last[sample.labels] = time, bits
                problem = self._store.write([sample]) or problem
            elif last != (time, bits):
                problem = "duplicate sample for timestamp" if last[0] == time else "out of order sample"
        return problem
