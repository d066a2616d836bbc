"""Histograms, grouped by their number of buckets."""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_buckets, packed_ids
from fog_schema.columns import pack_numbers
from fog_schema.frames import Frame, Histograms
from utilityfog_frontend.telemetry.model import HistogramValue, MetricType

TYPE: Final = MetricType.HISTOGRAM
VALUES: Final = (HistogramValue,)


def fill(frame: Frame, rows: Sequence[Numbered], is_keyframe: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack what was observed since the value that was encoded before; sums are those of the epoch."""
    widths: dict[int, list[Numbered]] = {}
    for series in rows:
        widths.setdefault(len(series.fresh.counts), []).append(series)
    frame.histograms = tuple([_group(width, group, is_keyframe) for width, group in widths.items()])


def _group(width: int, rows: Sequence[Numbered], is_keyframe: bool) -> Histograms:  # noqa: FBT001 - as above
    counts: list[int] = []
    for series in rows:
        first = is_keyframe or series.base is None
        counts += series.fresh.counts if first else map(sub, series.fresh.counts, series.base.counts)
    sums = [series.fresh.sum for series in rows]
    return Histograms(width, packed_ids(rows), packed_buckets(counts), pack_numbers(sums))
