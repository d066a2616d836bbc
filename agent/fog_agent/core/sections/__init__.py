"""How a frame's sections are made, one module for each kind of value.

`SECTIONS` is the only list of kinds that a writer has. It says, for each type of metric, which section a value of
which type belongs to. Its order is that in which types of metric get their ids: those of one type lie together.
"""

from __future__ import annotations

from typing import Final

from fog_agent.core.sections import bucket_histogram, fractional_counter, gauge, gauge_summary, integer_counter
from fog_agent.core.sections.section import SectionsByType
from fog_agent.core.summary import GaugeSummary
from utilityfog_frontend.telemetry.model import HistogramValue, MetricType

SECTIONS: Final[dict[MetricType, SectionsByType]] = {
    MetricType.COUNTER: SectionsByType({int: integer_counter.fill, float: fractional_counter.fill}),
    MetricType.HISTOGRAM: SectionsByType({HistogramValue: bucket_histogram.fill}),
    MetricType.GAUGE: SectionsByType({int: gauge.fill, float: gauge.fill, GaugeSummary: gauge_summary.fill}),
}
