"""Histograms, grouped by their number of buckets."""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import Final

from fog_agent.core.sections.section import Row
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.frames import Frame, Histograms
from utilityfog_frontend.telemetry.model import HistogramValue, MetricType

TYPE: Final = MetricType.HISTOGRAM
VALUES: Final = (HistogramValue,)


def fill(frame: Frame, rows: Sequence[Row], is_keyframe: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack what was observed since the value that was encoded before; sums are those of the epoch."""
    widths: dict[int, list[Row]] = {}
    for row in rows:
        widths.setdefault(len(row[1].counts), []).append(row)
    frame.histograms = tuple([_group(width, group, is_keyframe) for width, group in widths.items()])


def _group(width: int, rows: Sequence[Row], is_keyframe: bool) -> Histograms:  # noqa: FBT001 - as above
    counts: list[int] = []
    for series, value in rows:
        first = is_keyframe or series.base is None
        counts += value.counts if first else map(sub, value.counts, series.base.counts)
    ids, sums = [series.id for series, _ in rows], [value.sum for _, value in rows]
    return Histograms(width, pack_ids(ids), pack_ints(counts), pack_floats(sums))
