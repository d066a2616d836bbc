"""Exponential histograms: each at its own schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_buckets, packed_counts, packed_ids
from fog_schema.columns import pack_counts, pack_ints, pack_numbers
from fog_schema.frames import Exponentials, Frame
from utilityfog_frontend.telemetry.model import ExponentialValue, MetricType

TYPE: Final = MetricType.EXPONENTIAL_HISTOGRAM
VALUES: Final = (ExponentialValue,)


def fill(frame: Frame, rows: Sequence[Numbered], is_keyframe: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack what was observed since the value that was encoded before, at the present schema; sums are the epoch's."""
    values: list[ExponentialValue] = [
        series.fresh if is_keyframe or series.base is None else series.fresh - series.base for series in rows
    ]
    sides = [side for one in values for side in (one.positive, one.negative)]
    frame.exponentials = Exponentials(
        packed_ids(rows),
        pack_ints([one.schema for one in values]),
        packed_counts([one.zero for one in values]),
        pack_ints([side.first for side in sides]),
        pack_counts([len(side.counts) for side in sides]),
        packed_buckets([count for side in sides for count in side.counts]),
        pack_numbers([series.fresh.sum for series in rows]),
    )
