"""A writer's view of a collector: which series live, which ended and with which value, which events are new."""

import pytest

from tests.telemetry.conftest import Clock
from tests.telemetry.helpers import problems, value, values
from utilityfog_frontend.telemetry import Series, TelemetryCollector
from utilityfog_frontend.telemetry.instruments import lifetimes
from utilityfog_frontend.telemetry.instruments.counter import CounterSeries
from utilityfog_frontend.telemetry.model import HistogramValue


def by_labels(series: list[Series]) -> dict[tuple[str, ...], object]:
    """Read them, by their label values."""
    return {tuple(text for _, text in one.labels): one.read() for one in series}


def test_live_series_come_in_order_and_as_the_same_tuple(bare: TelemetryCollector) -> None:
    """Nothing was added or removed: the identical object, whatever was counted."""
    counter = bare.register_counter("a_total")
    bare.register_gauge("b", "b", {"zone": "x"})
    watch = bare.watch_series()
    series = watch.series()
    assert [(one.family.name, one.labels) for one in series] == [("a_total", ()), ("b", (("zone", "x"),))]
    counter.increment(0.5)
    assert watch.series() is series
    assert series[0].read() == 0.5
    labeled = bare.register_counter("c_total", "c", ["x"])
    assert watch.series() is series  # a family without children has no series
    labeled.labels("1")
    assert watch.series() is not series
    assert len(watch.series()) == 3


def test_labels_are_sorted_by_name(bare: TelemetryCollector) -> None:
    """The same set of labels is the same tuple on every node, whatever the order of registration."""
    bare.register_counter("a_total", "a", ["z", "a"]).labels("1", "2")
    [series] = bare.watch_series().series()
    assert series.labels == (("a", "2"), ("z", "1"))


def test_a_removed_series_is_told_once_and_stays_readable(bare: TelemetryCollector) -> None:
    """With its last value; the newcomer under its labels is another object."""
    family = bare.register_counter("a_total", "a", ["x"])
    watch = bare.watch_series()
    family.labels("1").increment(3)
    [before] = watch.series()
    family.remove("1")
    family.labels("1").increment()
    [after] = watch.series()
    assert after is not before
    assert watch.take_ended() == [before]
    assert watch.take_ended() == []
    assert (before.read(), after.read()) == (3, 1)
    assert before.ended
    assert not after.ended


def test_a_reset_ends_a_count_and_keeps_a_gauge(bare: TelemetryCollector) -> None:
    """Counters and histograms begin a new series; a gauge is only set to zero."""
    counter = bare.register_counter("a_total")
    gauge = bare.register_gauge("b")
    histogram = bare.register_histogram("c", "c", [1.0])
    counter.increment(5)
    gauge.set(6)
    histogram.observe(0.5)
    watch = bare.watch_series()
    old = watch.series()
    bare.reset_all_metrics()
    assert [one.read() for one in watch.take_ended()] == [5, HistogramValue((1, 0), 0.5)]
    assert [one.read() for one in watch.series()] == [0, 0, HistogramValue((0, 0), 0.0)]
    assert watch.series()[1] is old[1]


def test_an_idle_series_ends_when_the_writer_looks(bare: TelemetryCollector, monotonic: Clock) -> None:
    """A node without any exporter has only the writer to look."""
    family = bare.register_counter("a_total", "a", ["x"], ttl=60)
    family.labels("1").increment(4)
    watch = bare.watch_series()
    for _ in range(10):
        watch.series()
        monotonic.now += 10
    assert watch.series() == ()
    assert by_labels(watch.take_ended()) == {("1",): 4}


def test_what_ended_before_the_first_watch_is_kept_for_it(bare: TelemetryCollector) -> None:
    """Several series of the same labels are one sum; gauges, which have nothing to say any more, are not kept."""
    family = bare.register_counter("a_total", "a", ["x"])
    histogram = bare.register_histogram("b", "b", [1.0], labels=["x"])
    gauge = bare.register_gauge("c", "c", ["x"])
    for amount in (1, 2, 0.5):
        family.labels("1").increment(amount)
        histogram.labels("1").observe(amount)
        gauge.labels("1").set(amount)
        family.clear()
        histogram.clear()
        gauge.clear()
    family.labels("2").increment(7)
    family.clear()
    ended = bare.watch_series().take_ended()
    assert by_labels([one for one in ended if one.family.name == "a_total"]) == {("1",): 3.5, ("2",): 7}
    assert [one.read() for one in ended if one.family.name == "b"] == [HistogramValue((2, 1), 3.5)]
    assert len(ended) == 3
    assert bare.watch_series().take_ended() == []


def test_what_is_kept_is_bounded_and_nothing_is_lost(bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit, counts are folded into label values of `~overflow`."""
    monkeypatch.setattr(lifetimes, "ENDED_LIMIT", 3)
    family = bare.register_counter("a_total", "a", ["x"])
    for index in range(10):
        family.labels(index).increment(index + 1)
        family.remove(index)
    assert by_labels(bare.watch_series().take_ended()) == {("0",): 1, ("1",): 2, ("2",): 3, ("~overflow",): 49}


def test_a_watch_that_follows_on_a_closed_one_misses_nothing(bare: TelemetryCollector) -> None:
    """Neither what the closed one had not taken, nor what ended between."""
    family = bare.register_counter("a_total", "a", ["x"])
    first = bare.watch_series()
    family.labels("1").increment(1)
    family.remove("1")
    first.close()
    first.close()
    family.labels("2").increment(2)
    family.remove("2")
    assert (first.series(), first.take_ended(), first.closed) == ((), [], True)
    second = bare.watch_series()
    assert by_labels(second.take_ended()) == {("1",): 1, ("2",): 2}


def test_two_watches_at_once_are_both_told(bare: TelemetryCollector) -> None:
    """Each what ended since it began."""
    family = bare.register_counter("a_total", "a", ["x"])
    first = bare.watch_series()
    family.labels("1").increment()
    family.clear()
    second = bare.watch_series()
    family.labels("2").increment()
    family.clear()
    assert by_labels(first.take_ended()) == {("1",): 1, ("2",): 1}
    assert by_labels(second.take_ended()) == {("2",): 1}


def test_newcomers_can_be_refused(bare: TelemetryCollector) -> None:
    """New children go to the overflow child, live ones and unlabelled metrics stay, and so on until told otherwise."""
    family = bare.register_counter("a_total", "a", ["x"])
    family.labels("old").increment()
    watch = bare.watch_series()
    watch.refuse_newcomers = True
    family.labels("new").increment(2)
    family.labels("old").increment()
    bare.register_counter("b_total").increment()
    assert values(bare, "a_total") == {("old",): 2, ("~overflow",): 2}
    assert value(bare, "b_total") == 1
    watch.refuse_newcomers = False
    family.labels("new").increment(5)
    assert values(bare, "a_total") == {("old",): 2, ("~overflow",): 2, ("new",): 5}


def test_a_kept_child_that_may_not_come_back_counts_on_the_overflow_until_it_may(bare: TelemetryCollector) -> None:
    """Its increments are not lost."""
    family = bare.register_counter("a_total", "a", ["x"])
    kept = family.labels("kept")
    watch = bare.watch_series()
    family.clear()
    watch.refuse_newcomers = True
    kept.increment()
    kept.increment(2.5)
    assert values(bare, "a_total") == {("~overflow",): 3.5}
    watch.refuse_newcomers = False
    kept.increment()
    assert values(bare, "a_total") == {("~overflow",): 3.5, ("kept",): 1}


def test_a_reset_while_newcomers_are_refused_keeps_the_series(bare: TelemetryCollector, clock: Clock) -> None:
    """The node shows a count from zero, the bus goes on counting; nothing ends."""
    counter = bare.register_counter("a_total")
    histogram = bare.register_histogram("b", "b", [1.0])
    counter.increment(5)
    histogram.observe(0.5)
    watch = bare.watch_series()
    series = watch.series()
    watch.refuse_newcomers = True
    clock.now = 2000.0
    bare.reset_all_metrics()
    counter.increment(2)
    histogram.observe(3)
    assert watch.series() is series
    assert watch.take_ended() == []
    assert [one.read() for one in series] == [7, HistogramValue((1, 1), 3.5)]
    assert (value(bare, "a_total"), value(bare, "b")) == (2, HistogramValue((0, 1), 3.0))
    assert counter.get_value().value == 2
    assert [one.created for snapshot in bare.collect() for one in snapshot.series] == [2000.0, 2000.0]


def test_a_writer_that_never_takes_makes_no_pile(bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many ended series waiting, newcomers are refused by themselves."""
    monkeypatch.setattr(lifetimes, "ENDED_LIMIT", 5)
    family = bare.register_counter("a_total", "a", ["x"])
    watch = bare.watch_series()
    for index in range(50):
        family.labels(index).increment()
        family.remove(index)
    assert values(bare, "a_total") == {("~overflow",): 45}
    assert len(watch.take_ended()) == 5


def test_new_events_are_taken_once(collector: TelemetryCollector) -> None:
    """Oldest first; the first watch also tells of the time before it, a later one only of its own."""
    collector.record_event("before")
    first = collector.watch_events()
    later = collector.watch_events()
    collector.record_event("a")
    collector.record_event("b")
    assert [event.name for event in first.take()] == ["before", "a", "b"]
    assert [event.name for event in later.take()] == ["a", "b"]
    assert first.take() == []
    assert first.lost == 0


def test_events_that_fall_out_are_counted(collector: TelemetryCollector) -> None:
    """In total, over all takes."""
    watch = collector.watch_events(limit=3)
    for index in range(5):
        collector.record_event("tick", index)
    assert [event.value for event in watch.take()] == [2, 3, 4]
    for index in range(4):
        collector.record_event("tick", index)
    assert (watch.lost, len(watch.take())) == (3, 3)


def test_a_closed_event_watch_hears_nothing(collector: TelemetryCollector) -> None:
    """And can be closed twice."""
    watch = collector.watch_events()
    watch.close()
    watch.close()
    collector.record_event("tick")
    assert watch.take() == []


def test_counting_a_refusal_is_not_refused_itself(collector: TelemetryCollector) -> None:
    """Each kind of metric, and the first problem that the collector ever has."""
    watch = collector.watch_series()
    watch.refuse_newcomers = True
    collector.register_counter("a_total", "a", ["x"]).labels("1").increment()
    collector.register_gauge("b", "b", ["x"]).labels("1").set(1)
    collector.register_histogram("c", "c", [1.0], labels=["x"]).labels("1").observe(1)
    assert problems(collector) == {"label_limit": 3}
    collector.count_problem("another")
    assert problems(collector) == {"label_limit": 4, "~overflow": 1}


def test_an_increment_under_way_finds_its_way_though_nobody_watches(bare: TelemetryCollector) -> None:
    """A thread may be between looking up its series and counting on it while that ends, and ends again."""
    counter = bare.register_counter("a_total")
    counter.increment()
    late = counter._ones  # noqa: SLF001
    counter.reset()
    for _ in range(2):
        counter.increment()
        counter.reset()
    next(late)
    [ended] = bare.watch_series().take_ended()
    assert ended.read() == 4


def test_what_ended_unseen_is_settled_in_the_end(bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a series ends, few of them are kept, and the total is theirs."""
    monkeypatch.setattr(lifetimes, "UNSETTLED_LIMIT", 5)
    counter = bare.register_counter("a_total")
    for _ in range(50):
        counter.increment()
        counter.reset()
    [ended] = bare.watch_series().take_ended()
    assert isinstance(ended, lifetimes.EndedSeries)
    assert (ended.read(), len(ended._unsettled)) == (50, 6)  # noqa: SLF001


def test_a_handler_within_a_reading_of_several_sees_what_was_read_last(bare: TelemetryCollector) -> None:
    """It must not flush a series that is being flushed; the next reading has what it counted."""
    family = bare.register_counter("a_total", "a", ["x"])
    children = [family.labels(str(number)) for number in range(3)]
    for child in children:
        child.increment()
        child.increment(2)
    group = [one for one in bare.watch_series().series() if isinstance(one, CounterSeries)]
    assert CounterSeries.peek_all(group) == [3, 3, 3]
    children[1].increment()
    group[0].gate.flushing = True
    assert CounterSeries.peek_all(group) == [3, 3, 3]
    group[0].gate.flushing = False
    assert CounterSeries.peek_all(group) == [3, 4, 3] == [one.read() for one in group]


def test_a_handler_that_flushes_while_a_value_is_made_is_not_forgotten(
    bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A histogram keeps its value until it has another one: not one that was made from what is no more."""
    histogram = bare.register_histogram("b", "b", [0.5])
    histogram.observe(1)
    [series] = bare.watch_series().series()

    def interrupted(counts: tuple[int, ...], total: float) -> HistogramValue:
        monkeypatch.undo()
        histogram.observe(0.25)
        series.read()
        return HistogramValue(counts, total)

    monkeypatch.setattr("utilityfog_frontend.telemetry.instruments.histogram.HistogramValue", interrupted)
    assert series.read() == HistogramValue((0, 1), 1.0)
    assert series.read() == HistogramValue((1, 1), 1.25)
    assert series.read() is series.read()
