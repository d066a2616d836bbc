"""Steps for histories, made of plain dictionaries, and the plain answer that a history must give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fog_aggregator.history.finding import Found
from fog_aggregator.history.step import Columns, Depth, Step, Table
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.promql.storage import is_stale

STEP = 10_000
Numbers = Mapping[str, float]
"""Values by a series' name, of one level. An int is a counter's; a float a gauge's, or a counter's if so named."""


def labels_of(name: str) -> Labels:
    """Return the label set of a series: `name`, or `name/a=1/b=2`."""
    metric, *pairs = name.split("/")
    return make_labels({"__name__": metric} | dict(pair.split("=") for pair in pairs))


class Tables:
    """Make columns; the same series in the same order are the same table."""

    def __init__(self, born: float = -np.inf) -> None:
        self.born = born
        self._known: dict[tuple[str, ...], Table] = {}

    def columns(self, numbers: Numbers) -> Columns:
        """Return the columns of some values."""
        names = tuple(numbers)
        table = self._known.get(names)
        if table is None:
            born = [self.born if name.split("/")[0].endswith("_total") else np.nan for name in names]
            table = self._known[names] = Table([labels_of(name) for name in names], np.array(born))
        raw, integer = np.zeros(len(names), np.int64), np.zeros(len(names), np.bool_)
        for at, value in enumerate(numbers.values()):
            integer[at] = isinstance(value, int)
            raw[at] = value if isinstance(value, int) else np.array(float(value)).view(np.int64)
        return Columns(table, raw, integer)

    def step(self, time: int, levels: Mapping[Depth, Numbers]) -> Step:
        """Return a step."""
        return Step(time, {depth: self.columns(numbers) for depth, numbers in levels.items()})


def samples(found: Found, *, births: bool = False) -> dict[Labels, list[tuple[int, float | str]]]:
    """Return what was found: each series' times and values, a stale marker as a text."""
    answer: dict[Labels, list[tuple[int, float | str]]] = {}
    for part in found.read(births=births):
        for row, labels in enumerate(part.labels):
            if part.offsets is None:
                times, values = part.times, part.values[row]
            else:
                span = slice(int(part.offsets[row]), int(part.offsets[row + 1]))
                times, values = part.times[span], part.values[span]
            marks = is_stale(np.ascontiguousarray(values))
            told = ["stale" if mark else value for value, mark in zip(values.tolist(), marks.tolist(), strict=True)]
            assert labels not in answer
            answer[labels] = list(zip(times.tolist(), told, strict=True))
    return answer


def expected(
    steps: Sequence[tuple[int, Numbers | None]], start: int, end: int
) -> dict[Labels, list[tuple[int, object]]]:
    """Return the answer that these steps must give; None stands for a level that was not kept."""
    answer: dict[Labels, list[tuple[int, object]]] = {}
    before: Numbers = {}
    for time, numbers in steps:
        if start <= time <= end:
            for name, value in (numbers or {}).items():
                answer.setdefault(labels_of(name), []).append((time, float(value)))
            for name in before.keys() - (numbers or {}).keys():
                answer.setdefault(labels_of(name), []).append((time, "stale"))
        before = numbers or {}
    return answer
