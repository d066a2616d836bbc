"""Add the present to the aggregator's own series: when the streams' time stands still, they are what tells of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fog_aggregator.history.capture import OwnLabels, own_samples
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, label, select_labels
from fog_aggregator.promql.storage import Part
from utilityfog_frontend.telemetry.model import FamilySnapshot


class _Samples(NamedTuple):
    """The aggregator's own samples of a moment, milliseconds."""

    moment: int
    by_name: dict[str, dict[Labels, float]]

    def find(self, matchers: Sequence[Matcher]) -> dict[Labels, float]:
        """Return the samples that fulfil every matcher; those of other names are not looked at where one is named."""
        names = [one.value for one in matchers if one.name == NAME and one.kind is MatchKind.EQUAL]
        named = [self.by_name.get(name, {}) for name in names[:1]] if names else self.by_name.values()
        found: dict[Labels, float] = {}
        for samples in named:
            labels = list(samples)
            found |= {labels[place]: samples[labels[place]] for place in select_labels(labels, matchers)}
        return found


class OwnPresent:
    """The aggregator's own series as they are now. Any thread may ask.

    Args:
        now: Gives the server's time, unix seconds; 0 while it is not known.
        collect: Gives the aggregator's own families.
    """

    def __init__(self, now: Callable[[], float], collect: Callable[[], Sequence[FamilySnapshot]]) -> None:
        self._now = now
        self._collect = collect
        self._latest = _Samples(-1, {})
        self._names: OwnLabels = {}

    def extend(self, parts: Sequence[Part], matchers: Sequence[Matcher], newest: int, end: int) -> list[Part]:
        """Add a sample of now to the series that fulfil every matcher, if that is after the newest step.

        Args:
            parts: The samples that the history has of them.
            matchers: They choose some of the aggregator's own series.
            newest: The time of the newest step in milliseconds.
            end: The last time that is asked for.
        """
        moment = min(round(self._now() * 1000), end)
        if moment <= newest:
            return list(parts)
        return _joined(parts, self._samples(moment).find(matchers), moment)

    def _samples(self, moment: int) -> _Samples:
        """Return all samples of a moment: what is asked for twice, as the rules of one evaluation do, is read once."""
        samples = self._latest
        if samples.moment != moment:
            by_name: dict[str, dict[Labels, float]] = defaultdict(dict)
            for family in self._collect():
                for labels, value, _ in own_samples(family, self._names):
                    by_name[label(labels, NAME)][labels] = value
            self._latest = samples = _Samples(moment, dict(by_name))
        return samples


def _joined(parts: Sequence[Part], fresh: Mapping[Labels, float], moment: int) -> list[Part]:
    times: dict[Labels, list[int]] = {}
    values: dict[Labels, list[float]] = {}
    for part in parts:
        for row, labels in enumerate(part.labels):
            if part.offsets is None:
                times[labels], values[labels] = part.times.tolist(), part.values[row].tolist()
            else:
                span = slice(int(part.offsets[row]), int(part.offsets[row + 1]))
                times[labels], values[labels] = part.times[span].tolist(), part.values[span].tolist()
    for labels, value in fresh.items():
        times.setdefault(labels, []).append(moment)
        values.setdefault(labels, []).append(float(value))
    if not times:
        return []
    offsets = np.cumsum([0, *map(len, times.values())]).astype(np.int64)
    flat_times = np.array([one for own in times.values() for one in own], np.int64)
    flat_values = np.array([one for own in values.values() for one in own], np.float64)
    return [Part(list(times), flat_times, flat_values, offsets)]
