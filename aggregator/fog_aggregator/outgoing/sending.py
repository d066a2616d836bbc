"""Decide what is sent next to one receiver, and what its answers mean. Pure: `now` is monotonic seconds.

Steps go out in order: the next one begins when all of the one before was taken or given up. So a series has one request
under way, and a restart need only know the last step that is done. Within a step batches go out side by side.

A batch that is refused is halved until the item at fault stands alone. A batch over which the receiver fails again and
again is treated so too, once something else was taken meanwhile: some answer 500 to what they should refuse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fog_aggregator.core.saved import DamagedError, Saved, as_count, as_integer, as_mapping, as_text
from fog_aggregator.outgoing.answers import Answer, Verdict
from fog_aggregator.outgoing.items import NO_SCHEMAS, Schemas
from fog_schema.limits import MAX_SCHEMA, MIN_SCHEMA

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
FAILURES: Final = 5
"""So many failures over one batch, while others are taken, say that the batch is at fault."""
_PROBES: Final = 3
_DOUBLINGS: Final = 20
_STEPS_FITTING: Final = 30
"""After so many steps without a request that was too large, more is tried at once."""
_ALL: Final = 1_000_000
"""So many items at once are no bound."""
_OF_THE_RECEIVER: Final = frozenset({Verdict.TAKEN, Verdict.REFUSED, Verdict.TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is sent, and how fast.

    Attributes:
        at_once: Requests that are under way at the same time.
        max_age: Seconds after which a step is too old for the receiver.
        ahead: Seconds by which a sample may be later than the receiver's clock.
    """

    at_once: int = 4
    max_age: float = 3000.0
    ahead: float = 1.0


@dataclass(slots=True, eq=False)
class Batch:
    """Some items of a step that are sent in one request.

    Attributes:
        part: The part of the step that they are of.
        first, stop: Their places in that part.
        failures: How often the receiver has failed over them.
        taken_before: How many requests had been taken when it failed first.
        not_before: When they may be sent again.
        probes: The places of items that are sent alone, to find out whether the receiver has this step already.
        is_probed: It was found out that it has not.
    """

    part: int
    first: int
    stop: int
    failures: int = 0
    taken_before: int = 0
    not_before: float = 0.0
    probes: tuple[int, ...] = ()
    is_probed: bool = False

    @property
    def places(self) -> tuple[int, int]:
        """The items of the next request: the first one, and the one after the last."""
        return (self.probes[0], self.probes[0] + 1) if self.probes else (self.first, self.stop)

    def halves(self) -> tuple[Batch, Batch]:
        """Return the batch as two."""
        middle = (self.first + self.stop) // 2
        return (
            Batch(self.part, self.first, middle, self.failures, self.taken_before, is_probed=self.is_probed),
            Batch(self.part, middle, self.stop, self.failures, self.taken_before, is_probed=self.is_probed),
        )


@dataclass(slots=True)
class Result:
    """The result of one answer.

    Attributes:
        verdict: The meaning of the answer.
        taken: The items that the receiver has now: the first one, and the one after the last.
        known: Items that it had before, as a run before this one had sent them.
        lost: Items that it will not take.
    """

    verdict: Verdict
    taken: tuple[int, int] = (0, 0)
    known: tuple[int, int] = (0, 0)
    lost: tuple[int, int] = (0, 0)


def _as_schema(value: Any) -> int:
    if not MIN_SCHEMA <= as_integer(value) <= MAX_SCHEMA:
        raise DamagedError(f"{value!r} is no schema")
    return int(value)


class Pauses:
    """The pauses of a sender, which grow while a receiver takes nothing.

    Args:
        draw: Draws a number from 0 to 1, for pauses of different lengths.

    Attributes:
        until: When the last one ends.
        streak: How many requests were not taken since one was.
        taken: How many were taken.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self.until = 0.0
        self.streak = self.taken = 0
        self._draw = draw

    def length(self, failures: int) -> float:
        """Return a pause that doubles with each failure, from half of it on."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, _DOUBLINGS))
        return pause * (0.5 + self._draw() / 2)

    def end(self) -> None:
        """End them: something was taken."""
        self.until, self.streak, self.taken = 0.0, 0, self.taken + 1


class Size:
    """The size of requests, as far as a receiver has said that some were too large.

    Attributes:
        largest: The most items that it takes at once; 0 for no bound.
    """

    def __init__(self) -> None:
        self.largest = 0
        self._before = 0
        self._fitting = 0

    def begin(self) -> None:
        """Begin a step."""
        self._before = self.largest
        self._fitting += 1
        if self._fitting > _STEPS_FITTING:
            self._fitting, self.largest = 0, self.largest * 2 if self.largest < _ALL else 0

    def too_large(self, items: int) -> None:
        """Take note that so many were too large; where it was one of them, the others were not."""
        self._fitting = 0
        self.largest = items // 2 if items > 1 else self._before


class Sending:
    """The state of what is sent to one receiver. Not thread-safe.

    Args:
        limits: How much, and how fast.
        draw: Draws a number from 0 to 1, for pauses of different lengths.

    Attributes:
        cursor: The last step that is done, milliseconds; 0 before the first. Part of the checkpoint.
        doubtful: The last step that a run before, or a wrong clock, may have sent, milliseconds.
        mistaken: The last step that a clock had begun that was set back, milliseconds.
        step: The step that is being sent; 0 for none.
        trouble: Why nothing is taken; empty when something is.
        schemas: The lowest schema that each exponential histogram was sent with, part of the checkpoint: a receiver
            takes a higher one for a new beginning.
        pauses: The pauses between requests.
        size: How much the receiver takes at once.
    """

    def __init__(self, limits: Limits, draw: Callable[[], float]) -> None:
        self.limits = limits
        self.cursor = 0
        self.doubtful = 0
        self.mistaken = 0
        self.step = 0
        self.trouble = ""
        self.schemas: Schemas = NO_SCHEMAS
        self.size = Size()
        self.pauses = Pauses(draw)
        self._queue: deque[Batch] = deque()
        self._under_way = 0
        self._clock: float | None = None

    def image(self) -> Saved:
        """Return the last step that is done."""
        return Saved({"cursor": self.cursor, "schemas": dict(self.schemas)})

    def restore(self, saved: Saved) -> None:
        """Go on after that step."""
        self.cursor = saved.value("cursor", as_count)
        if "schemas" in saved.plain:  # a checkpoint of before has none
            found = saved.value("schemas", as_mapping)
            self.schemas = {as_text(name): _as_schema(schema) for name, schema in found.items()}

    def set_back(self, at: int) -> bool:
        """Go on with the steps from a moment on, as the clock was wrong; tell whether any had begun.

        A step under way is no step any more: `step` is 0 then, and nothing of it is to be sent.
        """
        latest = max(self.cursor, self.step)
        if latest < at:
            return False
        self.mistaken = max(self.mistaken, latest)
        self.doubtful = max(self.doubtful, latest)
        self.cursor = min(self.cursor, at - 1)
        if self.step >= at:
            self.step = 0
            self._queue.clear()
        return True

    # the receiver's clock

    def note_date(self, answer: Answer, now: float) -> None:
        """Take note of the receiver's time, as an answer has it; others than the receiver answer 401 or 502."""
        if answer.date is not None and answer.verdict in _OF_THE_RECEIVER:
            self._clock = answer.date - now

    def receivers_time(self, now: float) -> float | None:
        """Return the receiver's time, unix seconds; None while it is not known."""
        return None if self._clock is None else self._clock + now

    def seconds_ahead(self, step: int, now: float) -> float:
        """Return for how long a step must wait: a sample from the future spoils a receiver for everybody."""
        time = self.receivers_time(now)
        return 0.0 if time is None else max(0.0, step / 1e3 - time - self.limits.ahead)

    def is_old(self, step: int, time: float) -> bool:
        """Tell whether a step is too old for the receiver, at a time in unix seconds."""
        return step / 1e3 < time - self.limits.max_age

    # one step

    def begin(self, step: int, parts: Sequence[int]) -> None:
        """Begin a step, anew if it was begun: a batch for each part, of so many items; without any it is done."""
        self.step, self._under_way = step, 0
        self.size.begin()
        self._queue = deque(Batch(part, 0, count) for part, count in enumerate(parts) if count)
        self._cut_large()

    def skip(self, step: int) -> None:
        """Leave a step out, or what is left of it."""
        self._queue.clear()
        self.cursor, self.step = max(self.cursor, step), 0

    @property
    def is_waiting(self) -> bool:
        """Whether there are batches that are not under way."""
        return bool(self._queue)

    @property
    def is_done(self) -> bool:
        """Whether all of the step was taken or given up."""
        return not self._queue and not self._under_way

    def finish(self) -> None:
        """Note that the step is done: a checkpoint has it from now on."""
        self.cursor, self.step = max(self.cursor, self.step), 0

    def take(self, now: float) -> Batch | None:
        """Return the next batch to send; None while nothing is to be sent, or it must wait."""
        if now < self.pauses.until:
            return None
        for at, batch in enumerate(self._queue):
            if batch.not_before <= now:
                del self._queue[at]
                self._under_way += 1
                return batch
        return None

    def seconds_to_wait(self, now: float) -> float:
        """Return after how many seconds `take` may have something."""
        first = min((batch.not_before for batch in self._queue), default=now)
        return max(0.0, self.pauses.until - now, first - now)

    def answered(self, batch: Batch, answer: Answer, now: float) -> Result:
        """Take an answer; return what came of the batch."""
        self._under_way -= 1
        self.note_date(answer, now)
        verdict = answer.verdict
        self.trouble = "" if verdict is Verdict.TAKEN else f"{answer.status or 'no answer'}: {answer.text}"
        if verdict is Verdict.TAKEN:
            return self._took(batch)
        if verdict is Verdict.TOO_LARGE and not batch.probes:
            self.size.too_large(batch.stop - batch.first)
        is_at_fault = verdict is Verdict.LATER and self._is_at_fault(batch, answer)
        if is_at_fault:
            batch.taken_before = self.pauses.taken
        if verdict in (Verdict.REFUSED, Verdict.TOO_LARGE) or is_at_fault:
            return self._refused(batch, verdict)
        self._wait(batch, answer, now)
        return Result(verdict)

    def _took(self, batch: Batch) -> Result:
        self.pauses.end()
        if batch.probes:  # the receiver has nothing later of this item: so it may take the others
            batch.probes, batch.is_probed = (), True
            self._queue.appendleft(batch)
            return Result(Verdict.TAKEN)
        return Result(Verdict.TAKEN, taken=batch.places)

    def _refused(self, batch: Batch, verdict: Verdict) -> Result:
        is_doubtful = self.step <= self.doubtful and verdict is Verdict.REFUSED
        places = batch.places
        if batch.probes:
            batch.probes = batch.probes[1:]
            if not batch.probes:
                return Result(verdict, known=batch.places)
            self._queue.appendleft(batch)
        elif batch.stop - batch.first == 1:
            return Result(verdict, known=places) if is_doubtful else Result(verdict, lost=places)
        elif is_doubtful and not batch.is_probed:
            step = max(1, (batch.stop - batch.first) // _PROBES)
            batch.probes = tuple(range(batch.first, batch.stop, step))[:_PROBES]
            self._queue.appendleft(batch)
        else:
            self._queue.extendleft(reversed(batch.halves()))
        return Result(verdict)

    def _is_at_fault(self, batch: Batch, answer: Answer) -> bool:
        """Tell whether a receiver that fails over a batch, and takes others meanwhile, does so because of the batch."""
        if not answer.is_fault:
            return False
        if not batch.failures:
            batch.taken_before = self.pauses.taken
        batch.failures += 1
        return batch.failures >= FAILURES and self.pauses.taken > batch.taken_before

    def _wait(self, batch: Batch, answer: Answer, now: float) -> None:
        """Put a batch back for later; the other ones too when the receiver takes none of them."""
        self.pauses.streak += 1
        batch.not_before = now + self.pauses.length(batch.failures % FAILURES or 1)
        halves = answer.is_fault and not batch.failures % FAILURES
        if halves and batch.stop - batch.first > 1 and not batch.probes:
            for half in batch.halves():  # nothing else was taken: a half that is shows who is at fault
                half.not_before = batch.not_before
                self._queue.append(half)
        else:
            self._queue.append(batch)
        if answer.retry_after is not None:
            self.pauses.until = now + answer.retry_after
        elif answer.verdict is Verdict.UNUSABLE:
            self.pauses.until = now + self.pauses.length(self.pauses.streak + FAILURES)
        elif self.pauses.streak >= self.limits.at_once:
            self.pauses.until = now + self.pauses.length(self.pauses.streak - self.limits.at_once + 1)

    def _cut_large(self) -> None:
        """Cut batches that are larger than the receiver takes, as far as it said so."""
        largest = self.size.largest
        while largest and any(batch.stop - batch.first > largest for batch in self._queue):
            cut: deque[Batch] = deque()
            for batch in self._queue:
                cut.extend(batch.halves() if batch.stop - batch.first > largest else (batch,))
            self._queue = cut
