"""Books of what was counted: kept from a collector itself, and read from an exposition, to be held against each other.

A book is a mapping from sample name (``x_total``, ``y_count``) to the sum over all label sets. The system's own
``fog_*`` is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.kinds import Distribution, size_of

Entry: TypeAlias = tuple[str, int | float]
Book: TypeAlias = dict[str, int | float]

OWN: Final = "fog_"
FRACTIONS_AGREE: Final = 1e-12
"""Relative difference that sums of fractional counts may have: they were added in another order."""


class Ledger:
    """Everything a collector counts from now on, series that end included. Not thread-safe."""

    def __init__(self, collector: TelemetryCollector) -> None:
        self._watch = collector.watch_series()
        self._ended: Book = {}

    def book(self) -> Book:
        """Return the counts until now. Series that were removed or reset stay in."""
        self._ended = add([self._ended, _book(_entries(self._watch.take_ended()))])
        return add([self._ended, _book(_entries(self._watch.series()))])


def _entries(many: Iterable[Series]) -> Iterator[Entry]:
    for series in many:
        name, value = series.family.name, series.read()
        if not series.family.type.incremental:
            continue
        yield f"{name}_count" if isinstance(value, Distribution) else name, size_of(value)


def _book(entries: Iterable[Entry]) -> Book:
    """Sum by name; those of fractions are rounded once (`fsum`), so that their order does not matter."""
    found: dict[str, list[int | float]] = {}
    for name, value in entries:
        if not name.startswith(OWN):
            found.setdefault(name, []).append(value)
    return {
        name: sum(values) if all(type(value) is int for value in values) else math.fsum(values)
        for name, values in found.items()
    }


def add(books: Iterable[Book]) -> Book:
    """One book of several."""
    return _book(entry for book in books for entry in book.items())


def read_exposition(text: str) -> Book:
    """Return the book of a Prometheus text: counters and histograms' counts, labels summed."""
    return _book(
        (name, value)
        for name, _, kind, value in samples(text)
        if kind == "counter" or (kind == "histogram" and name.endswith("_count"))
    )


class Sample(NamedTuple):
    """One line of a Prometheus text; `labels` as they stand between the braces, `kind` is the family's type."""

    name: str
    labels: str
    kind: str
    value: int | float


def samples(text: str) -> Iterator[Sample]:
    """Yield the samples of a text that has no timestamps, as ours has none."""
    kind = ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            kind = line.rpartition(" ")[2]
        elif line and not line.startswith("#"):
            head, _, number = line.rpartition(" ")
            name, _, labels = head.partition("{")
            yield Sample(name, labels.removesuffix("}"), kind, _number(number))


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def differences(counted: Book, exported: Book) -> list[str]:
    """Name the metrics that the books disagree about: integer counts must be equal, fractional ones nearly."""
    return [
        name
        for name in sorted(counted.keys() | exported.keys())
        if not _agree(counted.get(name, 0), exported.get(name, 0))
    ]


def _agree(one: float, other: float) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return math.isclose(one, other, rel_tol=FRACTIONS_AGREE)
