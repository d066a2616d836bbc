"""The difference of two moments: how much was counted between them, and from where to where gauges went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from utilityfog_frontend.telemetry.model import (
    Family,
    FamilySnapshot,
    Labels,
    MetricValue,
    SeriesSnapshot,
    Value,
    metric_values,
    subtract_values,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One number of a metric at two moments.

    Attributes:
        labels: as in a snapshot.
        value: how much was counted between the moments; of a gauge its later value, None where it was gone.
        before: of a gauge its earlier value, None where it was not there yet.
        absolute: whether it is a gauge's.
    """

    labels: dict[str, str]
    value: float | None
    before: float | None = None
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The families of one moment.

    Attributes:
        shown: as the collector showed them.
        all: with the counts of series that no writer had any more, which count on.
    """

    shown: Sequence[FamilySnapshot]
    all: Sequence[FamilySnapshot]


def changes(before: Held, after: Held) -> Iterator[tuple[str, list[Change]]]:
    """Yield each metric's name with its changes, in the order of names.

    Series are listed that were shown at one of the moments, or have counted between them.
    """
    for family in _families(before.all, after.all):
        if family.type.incremental:
            yield family.name, list(_counted(family, before, after))
    for family in _families(before.shown, after.shown):
        if not family.type.incremental:
            yield family.name, list(_moved(family, before, after))


def _families(*moments: Sequence[FamilySnapshot]) -> Iterator[Family]:
    """Yield the families of several moments once each, with the bounds that they had last."""
    found = {(one.family.name, one.family.type): one.family for families in moments for one in families}
    return (family for _, family in sorted(found.items()))


def _values(family: Family, families: Sequence[FamilySnapshot]) -> dict[Labels, Value]:
    return {
        one.labels: one.value
        for snapshot in families
        if (snapshot.family.name, snapshot.family.type, snapshot.family.bounds)
        == (family.name, family.type, family.bounds)
        for one in snapshot.series
    }


def _counted(family: Family, before: Held, after: Held) -> Iterator[Change]:
    earlier, shown = _values(family, before.all), {*_values(family, before.shown), *_values(family, after.shown)}
    for labels, value in _values(family, after.all).items():
        counted = value if labels not in earlier else subtract_values(value, earlier[labels])
        found = metric_values(family, SeriesSnapshot(labels, counted), 0.0)
        numbers = [found] if isinstance(found, MetricValue) else found
        if labels in shown or any(number.value for number in numbers):
            yield from (Change(number.labels, number.value) for number in numbers)


def _moved(family: Family, before: Held, after: Held) -> Iterator[Change]:
    earlier, later = _values(family, before.shown), _values(family, after.shown)
    for labels in sorted({*earlier, *later}):
        yield Change(dict(labels), _number(later.get(labels)), _number(earlier.get(labels)), absolute=True)


def _number(value: Value | None) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]  # a gauge's
