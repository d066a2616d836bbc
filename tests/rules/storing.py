"""A storage for rules in tests: samples by series, and queries over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fog_aggregator.promql import MemoryStorage, instant_query
from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.labels import Labels, make_labels, show
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.rules import RuleFile, RuleGroupState, Sample, load, vector_of
from fog_aggregator.rules.templates import Vector

MINUTE = 60_000


class Samples:
    """Keeps samples in dictionaries; `refuse` is what writing says, `refused` is in questions that have no answer."""

    def __init__(self, series: Mapping[str, Mapping[int, float]] | None = None) -> None:
        self.series: dict[Labels, dict[int, float]] = {}
        self.refuse = ""
        self.refused = ""
        self.asked: list[str] = []
        for name, samples in (series or {}).items():
            for minute, value in samples.items():
                self.put(name, minute * MINUTE, value)

    def put(self, name: str, at: int, value: float, **labels: str) -> None:
        """Store one sample."""
        self.series.setdefault(make_labels({"__name__": name, **labels}), {})[at] = value

    def query(self, expression: str | Expression, at: int) -> Vector:
        """Evaluate."""
        self.asked.append(str(expression))
        if self.refused and self.refused in str(expression):
            raise EvaluationError("nobody keeps it")
        columns = {
            labels: (np.array(sorted(found), np.int64), np.array([found[time] for time in sorted(found)], np.float64))
            for labels, found in self.series.items()
        }
        return vector_of(instant_query(expression, MemoryStorage(columns), at))

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples."""
        for labels, time, value in samples:
            self.series.setdefault(labels, {})[time] = value
        return self.refuse

    def at(self, name: str, at: int) -> dict[str, float]:
        """List the series of a name that have a sample at a time."""
        return {
            show(tuple(pair for pair in labels if pair[0] != "__name__")): found[at]
            for labels, found in self.series.items()
            if dict(labels)["__name__"] == name and at in found
        }


def load_text(text: str, file: str = "rules.yml") -> RuleFile:
    """Load a file from its text."""
    return load(text.encode(), file)


def group_state(text: str) -> RuleGroupState:
    """Load the only group of a file."""
    (group,) = load_text(text).groups
    return RuleGroupState(group)
