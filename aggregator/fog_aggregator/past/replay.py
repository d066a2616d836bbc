"""Replay stored frames of a node or a subtree through the same core, and keep moments of it.

A fleet is replayed from before the first moment that is wanted: a writer's counts are known from its first complete
keyframe on, and one comes every hour. Counts of writers that were silent for all of the reach are taken from the
present state of the aggregator, see `anchor`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter
from typing import Final

import numpy as np

from fog_agent.core.schedule import KEYFRAME_SECONDS
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.coverage import NOBODY, Coverage
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.past.moments import Axis, Moment, Recorder
from fog_aggregator.query.family_variants import Survey
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.selection import Selection, ViewKey
from fog_aggregator.query.totals import Totals
from fog_aggregator.query.view_snapshot import ViewSnapshot
from fog_bus.ports import Message
from fog_schema.paths import Path, is_under
from fog_schema.subjects import Subjects

REACH: Final = 7 / 6 * KEYFRAME_SECONDS
"""Seconds before the first moment from which frames are read: a keyframe comes every hour, spread by a tenth."""
SILENT_STEP: Final = 30.0
"""Seconds between the moments of a silent node: its counts stand still, and its gauges are out."""
_LATE_MS: Final = 1
_NO_COVERAGE: Final = Coverage(NOBODY, 0.0)


class TooMuchError(Exception):
    """A question that asks for more than may be held; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the past. Times are the server's, unix seconds.

    Attributes:
        path: the node's, or the subtree's.
        own: whether only the node's own values are wanted.
        start: the first moment.
        step: seconds between the moments of a subtree; those of a node are the moments at which it was heard.
        at: the moments, ascending, where it is not all from the first one on that are wanted.
        most: how many values may be held.
        stored_since: the time of the first message that the stream has, unix seconds: it lost those before.
        orders: what an operator has taken out, and in again, by path: frames of what is out are not read (R12.57).
    """

    path: Path
    own: bool
    start: float
    step: float = 10.0
    at: tuple[float, ...] = ()
    most: int = 10_000_000
    stored_since: float = 0.0
    orders: Mapping[Path, Sequence[Order]] = field(default_factory=dict)

    @property
    def reach(self) -> float:
        """Return the time from which frames are to be read."""
        return max(0.0, self.start - REACH)

    @property
    def selection(self) -> Selection:
        """Return the nodes that are looked at."""
        return Selection(self.path, own=self.own)

    @property
    def moments(self) -> Iterator[float]:
        """Return the moments that are wanted whatever is heard."""
        first = math.ceil(self.start / self.step)
        return iter(self.at) if self.at else (number * self.step for number in count(first))

    def subjects(self, subjects: Subjects, scope: Path) -> list[str]:
        """Return the filters of the frames that are to be read; `scope`: the subtree that is read at all."""
        if self.own:
            return [subjects.metrics(self.path)]
        return subjects.subtree("metrics", scope if is_under(scope, self.path) else self.path)


class _Nothing:
    """Counts nothing: losses were counted when the frames were read for the first time."""

    def frames_applied(self, tally: Counter[str]) -> None:
        """Do nothing."""

    def refused(self, reason: str) -> None:
        """Do nothing."""

    def left_out(self, messages: Sequence[Message]) -> None:
        """Do nothing."""

    def events_listed(self, events: EventList) -> None:
        """Do nothing."""


class AbandonedError(Exception):
    """Nobody waits for the answer any more."""


def _always() -> bool:
    return True


class Replay:
    """A fleet that is made anew from frames. Not thread-safe.

    Args:
        question: the question.
        subjects: turns subjects into paths.
        wanted: tells whether somebody still waits for the answer.

    Attributes:
        moments: the contents of the fleet, in the order of time.
        known_since: the time after which the counts of every writer are known, unix seconds.
    """

    def __init__(self, question: Question, subjects: Subjects, wanted: Callable[[], bool] = _always) -> None:
        self.moments: list[Moment] = []
        self._wanted = wanted
        self.known_since = -math.inf
        self._question = question
        self._fleet = Fleet()
        for path, orders in question.orders.items():
            for order in orders:
                self._fleet.order(path, order)
        self._planner = Planner(self._fleet)
        self._recorder = Recorder(self._fleet, own=question.own)
        say = lambda _key, _text, _error: None  # noqa: E731
        self._ingest = Ingest(self._fleet, EventList(), Accounts(subjects), BranchPatterns(), _Nothing(), say)
        self._due = question.moments
        self._next = next(self._due, math.inf)
        self._as_heard = question.own and not question.at
        self._size = 0

    def take(self, messages: Sequence[Message]) -> None:
        """Apply messages in order, and keep the moments that are due.

        Raises:
            TooMuchError: there are more values than may be held.
        """
        if self._as_heard:
            self._take_each(messages)
        else:
            self._take_between(messages)

    def finish(self, until: float) -> None:
        """Keep the moments from the last frame until a time, that one included.

        Raises:
            TooMuchError: as `take`.
        """
        if self._as_heard:
            self._pass_silence(until)
        else:
            self._pass_moments(math.nextafter(until, math.inf))

    def check(self) -> None:
        """Ask whether work should go on.

        Raises:
            AbandonedError: nobody waits for it.
        """
        if not self._wanted():
            raise AbandonedError

    def totals(self) -> Totals:
        """Return the totals at the last frame."""
        self._fleet.settle_orders(math.inf)
        snapshot = ViewSnapshot(self._fleet, self._planner, ViewKey(self._question.selection), self._fleet.now)
        return snapshot.totals(self._fleet.catalog.families, _NO_COVERAGE)

    def catalog(self) -> tuple[Axis, Survey]:
        """Return the series, and who holds which variant of a family."""
        catalog, now = self._fleet.catalog, self._fleet.now
        self._fleet.describe_families(now)
        self._fleet.choose_families(now)
        shape_of = np.array(catalog.shape_of, np.int32)
        axis = Axis(list(catalog.series), shape_of, list(catalog.shapes), list(catalog.families))
        return axis, self._planner.variants.survey(now)

    def last_numbers(self) -> dict[tuple[Path, int], int]:
        """Return the number of the last frame of each writer that has not ended."""
        return {
            (place.path, epoch.id): epoch.seq
            for place in self._fleet.places.values()
            for epoch in place.epochs.values()
        }

    def _take_each(self, messages: Sequence[Message]) -> None:
        early = bisect_left(messages, self._question.start, key=attrgetter("timestamp"))
        self._apply(messages[:early])
        for message in messages[early:]:
            self._pass_silence(message.timestamp)
            self._apply([message])
            if not self._is_amid_keyframe(message.timestamp):
                self._record(-(-message.timestamp_ns // 1_000_000))

    def _take_between(self, messages: Sequence[Message]) -> None:
        batch: list[Message] = []
        for message in messages:
            if message.timestamp > self._next:
                self._apply(batch)
                batch = []
                self._pass_moments(message.timestamp)
            batch.append(message)
        self._apply(batch)

    def _apply(self, messages: Sequence[Message]) -> None:
        if messages:
            self._ingest.metrics(messages, messages[-1].timestamp)
            self._note_unknown()

    def _pass_moments(self, until: float) -> None:
        """Keep the moments before a time."""
        while self._next < until:
            self._record(round(self._next * 1000))
            self._next = next(self._due, math.inf)

    def _pass_silence(self, until: float) -> None:
        """Keep moments of a node that was not heard before a time: one when its gauges leave, and some later."""
        place = self._fleet.place(self._question.path)
        if place is None:
            return
        interval = self._fleet.interval(place)
        step = max(interval, SILENT_STEP)
        silent = self._fleet.last_seen(place) + STALE_INTERVALS * interval
        at = max(silent, silent + step * math.ceil((self._question.start - silent) / step))
        while at < until:
            self._record(math.floor(at * 1000) + _LATE_MS)
            at += step

    def _is_amid_keyframe(self, now: float) -> bool:
        place = self._fleet.place(self._question.path)
        return place is not None and any(one.run is not None and one.last_seen >= now for one in place.epochs.values())

    def _note_unknown(self) -> None:
        """Note until when writers were heard whose counts are not known: they began before the first frame here."""
        began = max(self._question.reach, self._question.stored_since)
        for epoch in self._fleet.gapped:
            if not epoch.keyframes and epoch.gaps and epoch.birth < began:
                self.known_since = max(self.known_since, epoch.last_seen)

    def _record(self, time: int) -> None:
        self.check()
        self._fleet.settle_orders(time / 1000)
        moment = self._recorder.record(time)
        while self.moments and self.moments[-1].time >= time:  # more than one where the server's clock went back
            self._size -= self.moments.pop().size
        self._size += moment.size
        if self._size > self._question.most:
            raise TooMuchError(
                f"more than {self._question.most:,} values would have to be held: ask for a shorter range"
            )
        self.moments.append(moment)
