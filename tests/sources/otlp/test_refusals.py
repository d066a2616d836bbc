"""Points that are refused: counted as their sender counts them, and before they harm a frame."""

from __future__ import annotations

import pytest

from tests.sources.otlp.requests import DELTA, SECOND, put, request, resource
from tests.sources.otlp.test_folding import Node


def test_a_refused_summary_is_one_refused_point() -> None:
    """Its sender knows nothing of the three metrics that it becomes here."""
    node = Node()
    sent = request()
    points = resource(sent).add(name="wait").summary.data_points
    for number, value in enumerate((1.0, float("nan"), 2.0)):
        point = points.add(count=1, sum=value, start_time_unix_nano=1_001 * SECOND)
        put(point.attributes, {"path": str(number)})
    outcome = node.post(sent)
    assert outcome.refused == {"value": 1}
    assert outcome.taken == 2


@pytest.mark.parametrize("kind", ["histogram", "exponential"])
def test_a_total_that_no_frame_could_tell_is_refused(kind: str) -> None:
    """Two posts of one process would end all frames of the node."""
    node = Node()
    taken = []
    for time in range(4):
        sent = request()
        metric = resource(sent).add(name="wait")
        times = {"start_time_unix_nano": (2_000 + time) * SECOND, "time_unix_nano": (2_001 + time) * SECOND}
        count = 2**62
        if kind == "histogram":
            metric.histogram.aggregation_temporality = DELTA
            metric.histogram.data_points.add(
                **times, count=count, sum=1, explicit_bounds=[1.0], bucket_counts=[count, 0]
            )
        else:
            metric.exponential_histogram.aggregation_temporality = DELTA
            point = metric.exponential_histogram.data_points.add(**times, count=count, sum=1)
            point.positive.bucket_counts.append(count)
        taken.append(not node.post(sent).refused["value"])
    assert taken == [True, False, False, False]
    assert node.count("wait").count == 2**62
