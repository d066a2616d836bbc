"""Divide a summary into what it is here: a gauge by quantile, and two counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fog_agent.sources.otlp.points import Kind, Point, Recorded, Summarized, Unusable
from fog_agent.sources.otlp.request import CUMULATIVE, MetricData
from utilityfog_frontend.telemetry.exposition.wire import block, text


def divided(data: MetricData) -> Iterator[MetricData]:
    """Yield the parts of a summary as metrics of their own: `NAME{quantile="0.5"}`, `NAME_count` and `NAME_sum`."""
    for suffix in ("_count", "_sum"):
        points = [(attributes, start, time, _part(value, suffix)) for attributes, start, time, value in data.points]
        yield data._replace(kind=Kind.SUM, temporality=CUMULATIVE, monotonic=True, points=points, suffix=suffix)
    quantiles: list[Point] = []
    for attributes, start, time, value in data.points:
        if isinstance(value, Summarized):
            quantiles += [(attributes + _attribute(at), start, time, number) for at, number in value.quantiles]
    yield data._replace(kind=Kind.GAUGE, points=quantiles)


def _part(value: Recorded | None, suffix: str) -> Recorded | None:
    if isinstance(value, Summarized):
        return value.observations if suffix == "_count" else value.sum
    return value if value is None or isinstance(value, Unusable) else None


def _attribute(quantile: float) -> bytes:
    """Write the attribute `quantile` of a point."""
    return block(7, text(1, "quantile") + block(2, text(1, f"{quantile:g}")))
