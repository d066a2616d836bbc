"""The books that the demo holds against each other."""

from __future__ import annotations

from fog_cli.actions import books

TEXT = """\
# HELP a_total Things, # TYPE and all
# TYPE a_total counter
a_total 3
a_total{x="with } and 7"} 4
# TYPE b_seconds histogram
b_seconds_bucket{le="1.0"} 1
b_seconds_bucket{le="+Inf"} 5
b_seconds_sum 2.5
b_seconds_count 5
# TYPE c gauge
c 9
# TYPE fog_agent_frames_total counter
fog_agent_frames_total 11
# TYPE fog_aggregator_nodes gauge
fog_aggregator_nodes{state="live"} 2
fog_aggregator_nodes{state="stale"} 1
"""


def test_reading_an_exposition() -> None:
    """Counters and histograms' counts, labels summed, the system's own left out."""
    assert books.read_exposition(TEXT) == {"a_total": 7, "b_seconds_count": 5}


def test_samples() -> None:
    """Each line, with its labels as they stand."""
    found = list(books.samples(TEXT))
    assert found[1] == ("a_total", 'x="with } and 7"', "counter", 4)
    assert found[-1] == ("fog_aggregator_nodes", 'state="stale"', "gauge", 1)


def test_differences() -> None:
    """A whole count may not be off by one, a fraction by the order it was added up in; what one lacks is zero."""
    assert books.differences({"a": 2**60, "b": 0.1 + 0.2, "c": 0}, {"a": 2**60, "b": 0.3}) == []
    assert books.differences({"a": 2**60, "b": 0.1}, {"a": 2**60 + 1, "b": 0.2, "d": 1}) == ["a", "b", "d"]


def test_adding() -> None:
    """Of several nodes' books one."""
    assert books.add([{"a": 1, "b": 2}, {"a": 3}]) == {"a": 4, "b": 2}
