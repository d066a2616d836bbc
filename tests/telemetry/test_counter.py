"""Counters count exactly, whatever they are given."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.helpers import problems, value
from utilityfog_frontend.telemetry import Counter, TelemetryCollector
from utilityfog_frontend.telemetry.instruments.counter import CounterSeries
from utilityfog_frontend.telemetry.instruments.family import FLUSH_AT


def test_a_counter_works_without_a_collector() -> None:
    """`Counter("name", "help")` counts from zero, by one and by any amount, and says who it is."""
    counter = Counter("jobs_total", "Jobs done", {"queue": "mail"})
    assert counter.get_value().value == 0
    counter.increment()
    counter.increment(5.5)
    assert counter.get_value().value == 6.5
    assert counter.get_value().labels == {"queue": "mail"}
    assert (counter.name, counter.description, counter.type.value) == ("jobs_total", "Jobs done", "counter")
    assert dict(counter.labels) == {"queue": "mail"}


def test_whole_amounts_keep_an_integer_and_one_fraction_makes_a_float_for_good() -> None:
    """1, 5.0 and True are whole; after 0.5 the value stays a float, even when it is whole again."""
    counter = Counter("jobs_total")
    for amount in (1, 5.0, True, Decimal(2), Fraction(4, 2)):
        counter.increment(amount)  # type: ignore[arg-type]
    assert counter.get_value().value == 11
    assert type(counter.get_value().value) is int
    counter.increment(0.5)
    counter.increment(0.5)
    assert counter.get_value().value == 12.0
    assert type(counter.get_value().value) is float


@given(st.lists(st.one_of(st.just(1), st.integers(0, 2**40), st.floats(0, 1e6))), st.integers(1, 200))
def test_any_mixture_adds_up(amounts: list[float], read_every: int) -> None:
    """Ones take another way than the rest, and reading flushes at any moment: the sum is what was given."""
    counter = Counter("jobs_total")
    for index, amount in enumerate(amounts):
        counter.increment(amount)
        if index % read_every == 0:
            counter.get_value()
    assert counter.get_value().value == pytest.approx(sum(amounts), rel=1e-12)
    assert (type(counter.get_value().value) is int) == all(amount % 1 == 0 for amount in amounts)


@pytest.mark.parametrize("amount", [2, 0.25])
def test_many_amounts_are_flushed_by_the_writer(bare: TelemetryCollector, amount: float) -> None:
    """Without any reader the backlog stays bounded: the writer flushes it."""
    counter = bare.register_counter("jobs_total")
    for _ in range(1000):
        counter.increment(amount)
    [series] = bare.watch_series().series()
    assert isinstance(series, CounterSeries)
    assert len(series.pending) < FLUSH_AT
    assert counter.get_value().value == 1000 * amount


@pytest.mark.parametrize("amount", [-1, -0.001, float("-inf"), Decimal(-1)])
def test_a_negative_increment_raises_at_once(amount: float) -> None:
    """Misuse is told, and changes nothing."""
    counter = Counter("jobs_total")
    with pytest.raises(ValueError, match=r"jobs_total.*non-negative"):
        counter.increment(amount)
    assert counter.get_value().value == 0


@pytest.mark.parametrize("amount", ["1", None, [1], 1j, b"1"])
def test_an_increment_that_is_no_number_raises_at_once(amount: object) -> None:
    """Also what could be parsed as a number is none."""
    with pytest.raises(TypeError, match="a number is needed"):
        Counter("jobs_total").increment(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 2**63, 10**400, Decimal("1e400")])
def test_what_cannot_be_counted_is_dropped_and_counted(collector: TelemetryCollector, amount: float) -> None:
    """NaN, infinities and 2^63 or more would poison a total for ever."""
    counter = collector.register_counter("jobs_total")
    counter.increment()
    counter.increment(amount)
    assert value(collector, "jobs_total") == 1
    assert problems(collector) == {"not_finite": 1}


def test_what_is_too_large_leaves_the_rest_of_its_batch(collector: TelemetryCollector) -> None:
    """Also an int that no float can hold, beside fractions; what a counter can hold just so is counted."""
    counter = collector.register_counter("jobs_total")
    for amount in (2**63, 3, 10**400, 2**63 - 1, 2**62):
        counter.increment(amount)
    assert value(collector, "jobs_total") == 3 + 2**63 - 1 + 2**62
    fractions = collector.register_counter("more_total")
    for number in (0.5, 10**400, 2**63, 1):
        fractions.increment(number)
    assert value(collector, "more_total") == 1.5
    assert problems(collector) == {"not_finite": 4}


def test_labels_for_a_counter_without_label_names_are_refused() -> None:
    """Silently adding to the one value would be worse."""
    with pytest.raises(ValueError, match="without label names"):
        Counter("jobs_total").increment(1, labels={"queue": "mail"})


def test_reset_starts_from_zero_and_the_handle_goes_on() -> None:
    """After a reset the same object counts again."""
    counter = Counter("jobs_total")
    counter.increment(3)
    counter.reset()
    assert counter.get_value().value == 0
    counter.increment(2)
    assert counter.get_value().value == 2


def test_count_exceptions_counts_and_lets_them_go() -> None:
    """As a block and as a decorator; only the kinds asked for."""
    counter = Counter("errors_total")
    with pytest.raises(KeyError), counter.count_exceptions():
        raise KeyError
    with pytest.raises(KeyError), counter.count_exceptions(ValueError):
        raise KeyError

    @counter.count_exceptions((ValueError, KeyError))
    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one above, which says nothing
        fail()
    with counter.count_exceptions():
        pass
    assert counter.get_value().value == 2


async def test_count_exceptions_waits_for_async_functions() -> None:
    """A coroutine fails when it is awaited, not when it is made."""
    counter = Counter("errors_total")

    @counter.count_exceptions()
    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - as above
        await fail()
    assert counter.get_value().value == 1
