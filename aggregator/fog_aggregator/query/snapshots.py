"""A view of the fleet as family snapshots, the language of every exporter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fog_aggregator.core.catalog import Family
from fog_aggregator.query.family_variants import described
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.reading import Reading
from fog_aggregator.query.samples import Labeller, LazySeries, Samples
from fog_aggregator.query.tree import View
from fog_schema.paths import Path
from utilityfog_frontend.telemetry.model import FamilySnapshot


def snapshots(
    reading: Reading, families: Sequence[Family], hold: Callable[[Samples], list[float]]
) -> list[FamilySnapshot]:
    """Every family that somebody in the view has, in the order of names; their series are made while they are read.

    Args:
        reading: what the view shows.
        families: the catalog's.
        hold: gives the values to export of fractional counters.
    """
    found = reading.found(hold)
    labeller = Labeller(reading.series, reading.paths, reading.view.level)
    return [
        FamilySnapshot(described(families[number], reading.bounds.get(number, ())), LazySeries(found[number], labeller))
        for number in sorted(found, key=lambda number: families[number].key)
    ]


def held(ratchet: Ratchet, view: View, paths: Sequence[Path], samples: Samples) -> list[float]:
    """The values of fractional counters, none below what was exported of it before."""
    whose = [_whose(view, path) for path in paths]
    cells = zip(samples.series.tolist(), samples.group.tolist(), samples.values.tolist(), strict=True)
    return [ratchet.hold((*whose[group], series), value) for series, group, value in cells]


def _whose(view: View, group: Path) -> tuple[bool, Path]:
    """Whether a group of a view is a node alone or its subtree, and the path: the same number has the same name."""
    if view.level is None:
        return view.own, view.under
    return len(group) <= view.level, group
