"""The series that rules make: as a storage in memory has them, within their bounds."""

from __future__ import annotations

from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.promql import MemoryStorage, instant_query
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.rules.ports import Sample
from fog_aggregator.rules.series import SampleStore

NAMES: Final = st.sampled_from(["a", "b"])
MINUTE: Final = 60_000


def sample(name: str, at: int, value: float, **labels: str) -> Sample:
    """Make a sample."""
    return Sample(make_labels({"__name__": name, **labels}), at, value)


@given(st.lists(st.tuples(NAMES, st.sampled_from("xyz"), st.integers(0, 200)), max_size=120))
def test_queries_see_what_was_written(written: list[tuple[str, str, int]]) -> None:
    """By name or not, in order of time; a sample that is not newer than the last one is left out."""
    store, series = SampleStore(), dict[Labels, list[int]]()
    for name, label, at in written:
        one = sample(name, at * 1000, float(at), l=label)
        store.write([one])
        times = series.setdefault(one.labels, [])
        if not times or at > times[-1]:
            times.append(at)
    other = MemoryStorage(
        {labels: (np.array(times) * 1000, np.array(times, np.float64)) for labels, times in series.items()}
    )
    for text in ("a", '{l="x"}', "sum_over_time(b[2m])", 'last_over_time({__name__=~"a|b",l!="y"}[1m])'):
        mine, theirs = (instant_query(text, storage, 150_000).data for storage in (store, other))
        pairs = [sorted(zip(data.labels, data.values.tolist(), strict=True)) for data in (mine, theirs)]  # type: ignore[union-attr]
        assert pairs[0] == pairs[1]


def test_series_are_limited() -> None:
    """A newcomer is refused and counted; the others go on."""
    store = SampleStore(max_series=2)
    assert store.write([sample("a", 0, 1), sample("b", 0, 1)]) == ""
    assert (
        store.write([sample("c", 1, 1), sample("a", 1, 2)]) == "1 series are too many: rules may make 2 series in all"
    )
    assert (store.refused, len(store)) == (1, 2)
    assert instant_query("a", store, 1).data.values.tolist() == [2.0]  # type: ignore[union-attr]


def test_old_samples_and_ended_series_go() -> None:
    """Samples older than the retention are forgotten, and make room."""
    store = SampleStore(max_series=2, retention=10 * MINUTE)
    store.write([sample("old", 0, 1)])
    for minute in range(60):
        store.write([sample("new", minute * MINUTE, minute)])
    assert len(store) == 1
    (part,) = store.select([], 0, 10**9).parts
    assert 10 <= part.samples <= 13
    assert store.began == 0
