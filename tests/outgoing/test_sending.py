"""The sender decides what goes out next, and what answers mean: its rules, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.outgoing.answers import Answer, Verdict, http_date, seconds_to_wait
from fog_aggregator.outgoing.sending import LONGEST_PAUSE, Batch, Limits, Result, Sending

T: Final = 1_795_000_000
STEP: Final = T * 1000


def sending(at_once: int = 1, **more: float) -> Sending:
    """Return a sender whose pauses have their full length."""
    return Sending(Limits(at_once=at_once, **more), lambda: 1.0)


class Receiver:
    """A receiver of one step's items, which answers as it is told.

    Attributes:
        has: How often it has taken each item.
        requests: How many requests it has seen.
        lost, known: The items that the sender has given up, or has known to be there.
    """

    def __init__(self, answer: Callable[[range], int | None]) -> None:
        self._answer = answer
        self.has: dict[int, int] = {}
        self.requests = 0
        self.lost: list[int] = []
        self.known: list[int] = []

    def take(self, sender: Sending, batch: Batch, now: float) -> Result:
        """Take a request."""
        self.requests += 1
        items = range(*batch.places)
        status = self._answer(items)
        if status == 204:
            self.has |= {item: self.has.get(item, 0) + 1 for item in items}
        result = sender.answered(batch, Answer(status), now)
        self.lost += range(*result.lost)
        self.known += range(*result.known)
        return result

    def drain(self, sender: Sending, now: float = 0.0, *, most: int = 10_000) -> float:
        """Send until the step is done; return the time then."""
        while not sender.is_done:
            batch = sender.take(now)
            if batch is None:
                now += sender.seconds_to_wait(now) + 1e-6
            else:
                self.take(sender, batch, now)
            most -= 1
            assert most, "it does not end"
        sender.finish()
        return now


def refuses(bad: Iterable[int], status: int = 400) -> Callable[[range], int | None]:
    """Answer that refuses a request with any of some items as a whole, as Prometheus does."""
    return lambda items: status if set(bad) & set(items) else 204


def test_steps_are_done_one_after_the_other() -> None:
    """The cursor is at the last step that was taken as a whole, and not before."""
    one, taking = sending(), Receiver(lambda _: 204)
    one.begin(STEP, [3, 0, 2])
    first = one.take(0.0)
    assert first is not None
    assert one.cursor == 0
    assert not one.is_done
    taking.take(one, first, 0.0)
    taking.drain(one)
    assert (one.cursor, taking.requests, taking.has) == (STEP, 2, {0: 2, 1: 2, 2: 1})
    one.begin(STEP + 10, [])
    assert one.is_done


@given(st.sets(st.integers(0, 1999), max_size=6), st.sampled_from([400, 409, 413, 422]))
def test_a_refused_batch_is_halved_until_the_bad_ones_stand_alone(bad: set[int], status: int) -> None:
    """All others are taken, the bad ones lost; few requests are needed."""
    one, taking = sending(), Receiver(refuses(bad, status))
    one.begin(STEP, [2000])
    taking.drain(one)
    assert sorted(taking.lost) == sorted(bad)
    assert taking.has == dict.fromkeys(set(range(2000)) - bad, 1)
    assert taking.requests <= 1 + 22 * len(bad)
    assert one.cursor == STEP


def test_a_receiver_that_says_too_large_gets_less_from_then_on() -> None:
    """The next step is cut before it is sent."""
    one, taking = sending(), Receiver(lambda items: 413 if len(items) > 300 else 204)
    one.begin(STEP, [1000])
    taking.drain(one)
    assert sorted(taking.has) == list(range(1000))
    before = taking.requests
    one.begin(STEP + 10, [1000])
    taking.drain(one)
    assert taking.requests - before == 4
    assert not taking.lost


def test_one_large_item_makes_no_small_requests_for_good() -> None:
    """It alone is given up, and later steps go out as before; a bound that was learned is tried again after a while."""
    one, taking = sending(), Receiver(lambda items: 413 if 77 in items else 204)
    one.begin(STEP, [1000])
    taking.drain(one)
    assert taking.lost == [77]
    one.begin(STEP + 10, [50])
    batch = one.take(0.0)
    assert batch is not None
    assert batch.places == (0, 50)
    other, small = sending(), Receiver(lambda items: 413 if len(items) > 300 else 204)
    other.begin(STEP, [1000])
    small.drain(other)
    assert other.size.largest == 250
    for step in range(31):
        other.begin(STEP + 10 + step, [10])
        small.drain(other)
    assert other.size.largest == 500


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, None])
def test_a_receiver_that_is_down_costs_nothing(status: int | None) -> None:
    """Pauses grow to half a minute; once it is back everything is there, however long it took."""
    statuses: list[int | None] = [status]
    one, taking = sending(2), Receiver(lambda _: statuses[0])
    one.begin(STEP, [1500, 1500])
    now, longest = 0.0, 0.0
    for _ in range(60):
        batch = one.take(now)
        if batch is None:
            pause = one.seconds_to_wait(now)
            longest = max(longest, pause)
            now += pause + 1e-6
        else:
            assert taking.take(one, batch, now).verdict is Verdict.LATER
    assert longest == pytest.approx(LONGEST_PAUSE)
    assert one.trouble
    assert not taking.lost
    statuses[0] = 204
    taking.drain(one, now)
    assert not taking.lost
    assert one.trouble == ""


def test_a_receiver_says_when_it_wants_to_be_asked() -> None:
    """Nothing is sent before."""
    one = sending(4)
    one.begin(STEP, [1, 1])
    batch = one.take(0.0)
    assert batch is not None
    one.answered(batch, Answer(429, "slow down", retry_after=7.0), 0.0)
    assert one.take(6.9) is None
    assert one.seconds_to_wait(0.0) == 7.0
    assert one.take(7.0) is not None


def test_one_that_fails_over_one_item_is_found_out() -> None:
    """Others are taken meanwhile; so it is the item, and not the receiver, that is at fault."""
    one, taking = sending(2), Receiver(refuses({777}, 500))
    one.begin(STEP, [1000, 500])
    now = taking.drain(one)
    assert taking.lost == [777]
    assert set(taking.has) == set(range(1000)) - {777}
    assert now < 60
    one.begin(STEP + 10, [1000])
    taking.lost.clear()
    taking.drain(one, now)  # a single batch: its halves show it
    assert taking.lost == [777]


def test_one_that_goes_down_while_a_fault_is_looked_for_loses_nothing_more() -> None:
    """A half at fault needs something else that is taken after it: then it is known that the receiver works."""
    is_down = [False]
    one, taking = sending(2), Receiver(lambda items: 500 if is_down[0] or 777 in items else 204)
    one.begin(STEP, [1000, 500])
    now = 0.0
    for _ in range(400):
        batch = one.take(now)
        if batch is None:
            now += one.seconds_to_wait(now) + 1e-6
        else:
            is_down[0] |= batch.first > 0 and batch.stop - batch.first <= 250
            taking.take(one, batch, now)
    assert is_down[0]
    assert not taking.lost
    is_down[0] = False
    taking.drain(one, now)
    assert taking.lost == [777]


def test_a_full_disk_is_no_fault_of_items() -> None:
    """Where nothing is taken nothing is given up: a receiver that fails over all of them has its own trouble."""
    one, taking = sending(2), Receiver(lambda _: 500)
    one.begin(STEP, [64, 64])
    now = 0.0
    for _ in range(500):
        batch = one.take(now)
        if batch is None:
            now += one.seconds_to_wait(now) + 1e-6
        else:
            assert taking.take(one, batch, now).verdict is Verdict.LATER
    assert not taking.lost
    assert not one.is_done


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415, 301])
def test_a_wrong_address_or_login_loses_nothing(status: int) -> None:
    """It is told, and everything waits."""
    one, taking = sending(), Receiver(lambda _: status)
    one.begin(STEP, [10])
    batch = one.take(0.0)
    assert batch is not None
    assert taking.take(one, batch, 0.0).verdict is Verdict.UNUSABLE
    assert str(status) in one.trouble
    assert one.take(1.0) is None
    assert not taking.lost
    assert one.seconds_to_wait(0.0) > 1.0


def test_steps_that_a_run_before_may_have_sent_are_found_to_be_there() -> None:
    """Of a step that is older than what the receiver has three items are tried alone, and the rest left out."""
    one, taking = sending(), Receiver(lambda _: 400)  # all of it is out of order
    one.doubtful = STEP
    one.begin(STEP, [2000])
    taking.drain(one)
    assert taking.known == list(range(2000))
    assert not taking.lost
    assert taking.requests == 4
    one.begin(STEP + 10, [2])
    taking.drain(one)
    assert taking.lost == [0, 1]  # of a step that nobody can have sent before


def test_a_step_that_was_sent_in_part_is_completed() -> None:
    """The half that is there is refused, the rest is taken once."""
    there = set(range(1000))
    one, taking = sending(), Receiver(refuses(there))
    one.doubtful = STEP
    one.begin(STEP, [2000])
    taking.drain(one)
    assert set(taking.has) == set(range(2000)) - there
    assert set(taking.known) == there
    assert not taking.lost


def test_a_bad_item_does_not_pass_for_a_step_that_is_there() -> None:
    """Three are tried: one that is bad says nothing of the others."""
    one, taking = sending(), Receiver(refuses({0}))
    one.doubtful = STEP
    one.begin(STEP, [2000])
    taking.drain(one)
    assert set(taking.has) == set(range(1, 2000))
    assert taking.known == [0]


def test_no_sample_is_sent_ahead_of_the_receivers_clock() -> None:
    """Its answers tell its time; a step that is later waits."""
    one = sending()
    assert one.seconds_ahead(STEP, 100.0) == 0.0  # not known yet
    one.note_date(Answer(204, date=float(T - 5)), 100.0)
    assert one.seconds_ahead(STEP, 100.0) == pytest.approx(4.0)
    assert one.seconds_ahead(STEP, 104.0) == pytest.approx(0.0)
    one.note_date(Answer(204), 104.0)
    for other in (401, 404, 502):  # a proxy, perhaps
        one.note_date(Answer(other, date=0.0), 104.0)
    assert one.receivers_time(104.0) == pytest.approx(T - 1)


def test_steps_that_are_too_old_are_left_out() -> None:
    """By the receiver's time; the cursor goes on."""
    one = sending(max_age=3000.0)
    assert not one.is_old(STEP, T + 3000.0)
    assert one.is_old(STEP, T + 3000.1)
    one.begin(STEP, [5])
    one.skip(STEP)
    assert (one.cursor, one.is_done) == (STEP, True)


def test_the_cursor_is_saved() -> None:
    """A restart goes on after the last step that is done; one that is begun anew goes out as a whole."""
    one, taking = sending(), Receiver(lambda _: 204)
    one.begin(STEP, [1, 1])
    taking.drain(one)
    one.begin(STEP + 10, [1])
    assert one.take(0.0) is not None
    one.begin(STEP + 10, [1])
    taking.drain(one)
    assert one.cursor == STEP + 10
    other = sending()
    other.restore(one.image())
    assert other.cursor == STEP + 10


def test_headers_of_answers() -> None:
    """Retry-After in seconds or as a date, bounded; dates of HTTP; nothing for what is neither."""
    date = "Wed, 18 Nov 2026 21:06:40 GMT"
    assert http_date(date) == 1_795_036_000.0
    assert seconds_to_wait("3", 0) == 3.0
    assert seconds_to_wait(date, 1_795_036_000.0 - 30) == 30.0
    assert seconds_to_wait(date, 1_795_036_000.0 + 30) == 0.0
    assert seconds_to_wait("9" * 40, 0) == 600.0
    for wrong in (None, "", "soon", "-3", "Wed, 99 Nov 2026 21:06:40 GMT"):
        assert seconds_to_wait(wrong, 0) is None
    assert http_date(None) is None


def test_a_clock_that_was_set_back_is_followed() -> None:
    """Steps of a time that has not come are done, or under way: the next one is that of the present all the same."""
    sender = sending(at_once=2)
    sender.cursor = STEP
    assert not sender.set_back(STEP + 10_000), "it had none of that time"
    assert (sender.cursor, sender.doubtful) == (STEP, 0)
    sender.begin(STEP + 3_600_000, [8])
    batch = sender.take(0.0)
    assert batch is not None
    assert sender.set_back(STEP + 10_000)
    sender.answered(batch, Answer(204), 0.0)
    sender.finish()
    assert (sender.cursor, sender.doubtful) == (STEP, STEP + 3_600_000)
    sender.cursor = STEP + 3_600_000
    assert sender.set_back(STEP + 10_000)
    assert (sender.cursor, sender.mistaken) == (STEP + 9_999, STEP + 3_600_000)
