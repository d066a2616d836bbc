"""Totals that live outside of the process: what the first reading counts as, and how a new beginning is seen."""

from collections.abc import Mapping
from functools import partial

import pytest

from tests.telemetry.helpers import values
from utilityfog_frontend.telemetry import MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.foreign.readings import FamilyReadings, LastReadings, Mark, Reading
from utilityfog_frontend.telemetry.foreign.source import Part
from utilityfog_frontend.telemetry.instruments.lifetimes import SeriesWatch
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, HistogramValue, SeriesSnapshot, Value

NAME = "outside_total"


class Outside:
    """A source that says what it is told to, at a time that it is told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.boot = ""
        self.series: dict[str, tuple[Value, float | None]] = {}
        self.collector = self.life()

    def life(self) -> TelemetryCollector:
        """Begin a life of a program that reads it."""
        self.collector = TelemetryCollector(self_metrics=False, clock=lambda: self.now)
        self.collector.add_source(self.read, since="outside", incarnation=lambda: self.boot)
        return self.collector

    def read(self) -> list[FamilySnapshot]:
        """Tell what was set last."""
        family = Family(NAME, MetricType.COUNTER)
        told = [SeriesSnapshot((("l", name),), *what) for name, what in self.series.items()]
        return [FamilySnapshot(family, told)]

    def tell(self, created: float | None = None, **totals: float) -> Mapping[str, Value]:
        """Set the totals a second later; return what the collector has of them."""
        self.now += 1
        self.series = {name: (total, created) for name, total in totals.items()}
        return {labels[0]: value for labels, value in values(self.collector, NAME).items()}


@pytest.fixture
def outside() -> Outside:
    """Provide something that counts."""
    return Outside()


def marks(watch: SeriesWatch) -> list[Mark]:
    """Read all series as a writer does, and tell what it must remember."""
    series = watch.series()
    for one in series:
        one.peek()
    return [mark for one in series if hasattr(one, "marks") for mark in one.marks()]


def test_the_first_reading_is_a_baseline(outside: Outside) -> None:
    """It is not counted, and what comes after it is; the created time is the count's own."""
    assert outside.tell(a=1000) == {"a": 0}
    assert outside.tell(a=1003) == {"a": 3}
    [family] = outside.collector.collect()
    assert family.series[0].created == 1001.0
    assert outside.tell(a=1003, b=50) == {"a": 3, "b": 0}, "a series that was hidden until now"


def test_what_is_known_to_have_begun_later_counts_in_full(outside: Outside) -> None:
    """A new series whose `created` is after the last reading: nothing of it can have been read."""
    outside.tell(a=1000)
    outside.series["b"] = (7, 1001.5)
    outside.now += 1
    assert values(outside.collector, NAME) == {("a",): 0, ("b",): 7}


@pytest.mark.parametrize("seen_by", ["value", "created", "incarnation"])
def test_a_new_beginning_counts_in_full(outside: Outside, seen_by: str) -> None:
    """It is seen by a value that fell, by a start after the last reading, or by another incarnation."""
    outside.boot = "one"
    watch = outside.collector.watch_series()
    outside.tell(created=500.0, a=10)
    assert outside.tell(created=500.0, a=15) == {"a": 5}
    [first] = watch.series()
    if seen_by == "incarnation":
        outside.boot = "two"
    created = 1002.5 if seen_by == "created" else 500.0
    total = 3 if seen_by == "value" else 40
    assert outside.tell(created=created, a=total) == {"a": total}
    assert watch.take_ended() == [first]
    assert first.read() == 5, "the total of the fleet keeps it"


def test_differences_have_no_more_places_than_their_totals(bare: TelemetryCollector) -> None:
    """77.1 - 71.9 is no 5.2 in doubles; with `places` it is."""
    totals = iter([71.9, 77.1, 77.2])

    def read() -> list[FamilySnapshot]:
        return [FamilySnapshot(Family(NAME, MetricType.COUNTER), [SeriesSnapshot((), next(totals))])]

    bare.add_source(read, since="outside", places=1)
    watch = bare.watch_series()
    counts = [[series.read() for series in watch.series()] for _ in range(3)]
    assert counts == [[0.0], [5.2], [5.3]]


def test_a_clock_that_was_set_is_no_new_beginning(outside: Outside) -> None:
    """The start of a machine moves with its clock: only one after the last reading proves anything."""
    outside.tell(created=500.0, a=10)
    assert outside.tell(created=510.0, a=12) == {"a": 2}
    assert outside.tell(created=490.0, a=13) == {"a": 3}
    outside.tell(created=5000.0, a=14)  # ahead of ours: it is believed once, as it may be true
    assert outside.tell(created=5000.0, a=15) == {"a": 15}


def test_a_series_that_comes_back_goes_on(outside: Outside) -> None:
    """Where it was when it vanished: an interface that was down for a while."""
    watch = outside.collector.watch_series()
    outside.tell(a=10)
    outside.tell(a=12)
    assert outside.tell(b=1) == {"b": 0}
    assert outside.tell(a=15, b=1) == {"a": 3, "b": 0}
    assert sum(one.read() for one in watch.take_ended()) == 2  # type: ignore[misc]


def test_a_histogram_begins_anew_when_any_bucket_falls(bare: TelemetryCollector) -> None:
    """Though its count has not fallen."""
    told = HistogramValue((5, 5), 10.0)
    family = Family("h", MetricType.HISTOGRAM, bounds=(1.0,))
    bare.add_source(lambda: [FamilySnapshot(family, [SeriesSnapshot((), told)])], since="outside")
    assert values(bare, "h") == {(): HistogramValue((0, 0), 0.0)}
    told = HistogramValue((6, 5), 10.5)
    assert values(bare, "h") == {(): HistogramValue((1, 0), 0.5)}
    told = HistogramValue((2, 9), 19.0)
    assert values(bare, "h") == {(): told}


def test_gauges_are_as_they_are(bare: TelemetryCollector) -> None:
    """Of them nothing is remembered."""
    bare.add_source(lambda: [FamilySnapshot(Family("g", MetricType.GAUGE), [SeriesSnapshot((), 7)])], since="outside")
    assert values(bare, "g") == {(): 7}
    assert marks(bare.watch_series()) == []


@pytest.mark.parametrize("read_first", [False, True])
def test_another_life_goes_on_from_the_last_reading(outside: Outside, *, read_first: bool) -> None:
    """Also when it took a first reading before it heard of the last one; what came in between is counted once."""
    watch = outside.collector.watch_series()
    outside.tell(a=1000, b=5, c=7)
    outside.tell(a=1003, b=5, c=7)
    told = {mark.labels: mark.reading for mark in marks(watch)}
    assert told[("l", "a"),] == Reading(1003)
    readings: LastReadings = {(NAME, ()): FamilyReadings(outside.now, told)}
    collector = outside.life()
    if read_first:
        outside.tell(a=1010, b=2)
    assert collector.resume_totals(readings) == []
    assert outside.tell(a=1010, b=2) == {"a": 7, "b": 2}
    assert outside.tell(a=1011, b=3, c=8) == {"a": 8, "b": 3, "c": 1}


def test_a_mark_is_about_the_value_that_was_read(outside: Outside) -> None:
    """A reading that came in between is not told yet, and must not be remembered."""
    watch = outside.collector.watch_series()
    outside.tell(a=10)
    [series] = watch.series()
    outside.tell(a=12)
    assert series.peek() == 2
    outside.tell(a=15)
    assert series.marks()[0].reading == Reading(12)  # type: ignore[attr-defined]


def test_what_cannot_be_is_refused(bare: TelemetryCollector) -> None:
    """At once, with what to write."""
    with pytest.raises(ValueError, match="since='boot': the totals of a source live in the 'process' or 'outside'"):
        bare.add_source(list, since="boot")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give since='outside'"):
        bare.add_source(list, incarnation=lambda: "1")
    with pytest.raises(ValueError, match="places=3: totals with since='outside' have 0 to 9 decimal places"):
        bare.add_source(list, places=3)
    for places in (10, -1, True, 1.0):
        with pytest.raises(ValueError, match="places="):
            bare.add_source(list, since="outside", places=places)  # type: ignore[arg-type]


def test_another_teller_while_no_series_may_begin_is_a_baseline(bare: TelemetryCollector) -> None:
    """Two parts tell one series, and the first stops: of the other's total only what is added counts, once."""
    totals = {"one": 110, "two": 1000}

    class Tellers:
        def parts(self) -> Mapping[str, Part]:
            return {name: Part(name, partial(self.read, name)) for name in totals}

        def read(self, name: str) -> list[FamilySnapshot]:
            return [FamilySnapshot(Family(NAME, MetricType.COUNTER), [SeriesSnapshot((), totals[name])])]

        def __call__(self) -> list[FamilySnapshot]:
            return [one for name in totals for one in self.read(name)]

    bare.add_source(Tellers(), since="outside")
    assert values(bare, NAME) == {(): 0}
    totals["one"] = 120
    assert values(bare, NAME) == {(): 10}
    bare.watch_series().refuse_newcomers = True
    del totals["one"]
    assert values(bare, NAME) == {(): 10}
    totals["two"] = 1003
    assert values(bare, NAME) == {(): 13}
    assert values(bare, NAME) == {(): 13}
