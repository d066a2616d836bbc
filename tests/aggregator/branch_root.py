"""Let tests hear what replicas report of one branch."""

from __future__ import annotations

from typing import Any

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.families.known import Family, FamilyKey
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.totals import Total, Totals
from fog_schema.frames import Frame
from fog_schema.paths import Path
from tests.aggregator.fleet import Fleet
from utilityfog_frontend.telemetry.model import HistogramValue

BRANCH = ("fog", "0")


def counted(total: float = 0, observed: tuple[int, ...] = (0, 0), level: GaugeSummary | None = None) -> Totals:
    """Return a subtree that has a counter, a histogram and perhaps a gauge."""
    families = [
        Family(FamilyKey("work_total", 0, ""), "Work", ()),
        Family(FamilyKey("delay", 2, ""), "Delay", ()),
        Family(FamilyKey("level", 1, ""), "Level", ("sum", "last", "count_values")),
    ]
    entries = [SeriesEntry(0, ()), SeriesEntry(1, (), (1.0,)), SeriesEntry(2, ())]
    values: dict[int, Total] = {0: total, 1: HistogramValue(observed, float(sum(observed)))}
    if level is not None:
        values[2] = level
    return Totals(values, entries, families, Coverage((3, 2, 1, 4, 2, 0, 0), 4.5))


class Root(Fleet):
    """A root that hears what replicas report of one branch."""

    def hear(self, frame: Frame, path: Path = BRANCH) -> Status:
        """Return a frame on the branch's rollup subject."""
        return self.state.apply(path, frame, self.now, rollup=True).status

    def value(self, name: str) -> Any:
        """Return the one sample of a metric, fleet-wide."""
        return self.samples(name).get(())

    def sweep_after(self, silence: float) -> None:
        """Time passes in which nobody speaks."""
        self.now += silence
        self.state.parts.time.observed_seconds += silence
        self.sweep()
