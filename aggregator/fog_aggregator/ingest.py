"""From messages to state: subject to path, bytes to frame, frame to outcome, outcome to metrics."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias

from fog_agent.core.event_log import RETAINED_SECONDS
from fog_aggregator.core.batch import Batch
from fog_aggregator.core.branches import Branches
from fog_aggregator.core.clock import ServerClock
from fog_aggregator.core.eventlist import FleetEvent
from fog_aggregator.core.lifecycle import heard_lately
from fog_aggregator.core.outcome import Outcome, Status
from fog_aggregator.core.requests import Wish
from fog_aggregator.core.state import STALE_INTERVALS
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message
from fog_bus.rate_limited_log import RateLimitedLog
from fog_schema.codec import decode
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import EVENTS, KEYFRAME, KIND_NAMES, Frame
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator")
_MOST_PATHS: Final = 2_000_000

Apply: TypeAlias = Callable[[Path, Frame, float], Outcome]


class Ingest:
    """Applies batches of messages. Every loss is counted; no message can stop it.

    Attributes:
        on_events: called with the events that were listed for the first time.
    """

    def __init__(
        self,
        network: NetworkCollector,
        metrics: SelfMetrics,
        subjects: Subjects,
        clock: ServerClock,
        monotonic: Callable[[], float],
        branches: Branches | None = None,
    ) -> None:
        self.on_events: Callable[[list[FleetEvent]], None] = lambda _: None
        self._network = network
        self._metrics = metrics
        self._subjects = subjects
        self._clock = clock
        self._monotonic = monotonic
        self._branches = branches or Branches()
        self._paths: dict[str, Path] = {}
        self._returned: dict[tuple[Path, int], Wish] = {}
        self._doubted: dict[tuple[Path, int], float] = {}
        self._log = RateLimitedLog(monotonic, logger=LOGGER)

    @property
    def wishes(self) -> dict[tuple[Path, int], Wish]:
        """What to ask of whom, by (path, epoch): keyframes, events that are missing. Hold the network's lock.

        Only of writers that were heard lately: of one that has ended nothing will come, and one that comes back is
        asked as soon as it is heard. Of a branch's nodes only events are heard.
        """
        state, now = self._network.state, self._clock.now(self._monotonic())
        keyframes = [*((path, epoch.id) for epoch, path in state.gapped.items()), *self._doubted]
        wanted = dict.fromkeys(keyframes, (0, 0)) | self._network.events.wanted
        asked = {key: self._wish(*key, events) for key, events in wanted.items() if self._may_answer(*key, now)}
        return self._returned | asked

    def distrust(self) -> None:
        """A stream lost messages: keyframes are wanted of all, as `State.distrust`, and of the nodes of branches too.

        Theirs tell which events they hold: whether the last ones are missing shows in nothing else.
        """
        self._network.state.distrust()
        now = self._clock.now(self._monotonic())
        self._doubted = {key: now for key in self._network.events.seen if self._branches.cover(key[0])}

    def _wish(self, path: Path, epoch: int, events: tuple[int, int] = (0, 0)) -> Wish:
        node = self._network.state.nodes.get(path)
        return Wish(path, epoch, events, branch=node is not None and node.branch)

    def _may_answer(self, path: Path, epoch: int, now: float) -> bool:
        seen = self._network.events.seen.get((path, epoch)) if self._branches.cover(path) else None
        if seen is None:  # a node that is read, or a branch's aggregator
            return heard_lately(self._network.state, path, epoch, now)
        return now - seen.heard <= RETAINED_SECONDS

    def frames(self, messages: list[Message]) -> None:
        """A batch of the stream of metrics. What branches have is told by their aggregators."""
        tally: Counter[str] = Counter()
        with self._network.lock, Batch(self._network.state) as batch:
            frames = self._of_nodes(messages) if self._branches else self._read(messages)
            self._apply(frames, batch.apply, tally)
        tally["refused_values"] += batch.refused_values
        self._metrics.frames_applied(tally)
        self._tick(messages)

    def rollups(self, messages: list[Message]) -> None:
        """A batch of the stream of rollups: those of our branches; others are for other tiers."""
        tally: Counter[str] = Counter()
        with self._network.lock:
            apply = partial(self._network.state.apply, rollup=True)
            self._apply(self._read(messages, self._branches.has), apply, tally)
        self._metrics.frames_applied(tally)
        self._tick(messages)

    def _of_nodes(self, messages: list[Message]) -> Iterator[tuple[Message, Path, Frame]]:
        """The frames of nodes. Those of a branch's nodes tell which events they hold, when some are missing."""
        events, covered = self._network.events, self._branches.cover
        lacking = {path for path, _ in events.wanted.keys() | self._doubted.keys()}
        for message, path, frame in self._read(messages, lambda path: not covered(path) or path in lacking):
            if not covered(path):
                yield message, path, frame
            elif frame.events_held is not None:
                events.held(path, frame.epoch, frame.events_held, message.timestamp)
                if message.timestamp >= self._doubted.get((path, frame.epoch), math.inf):
                    del self._doubted[path, frame.epoch]

    def _apply(self, frames: Iterable[tuple[Message, Path, Frame]], apply: Apply, tally: Counter[str]) -> None:
        for message, path, frame in frames:
            try:
                outcome = apply(path, frame, message.timestamp)
            except FrameError as error:
                self._refuse(message, error)
            except Exception:  # a fault of ours: the next message must not find the aggregator gone for it
                self._metrics.refused("internal")
                LOGGER.exception("a frame on %s cannot be merged", message.subject)
            else:
                self._note(path, frame, outcome, message.timestamp, tally)

    def events(self, messages: list[Message]) -> None:
        """A batch of the stream of events."""
        fresh: list[FleetEvent] = []
        with self._network.lock:
            for message, path, frame in self._read(messages, events=True):
                fresh += self._network.events.apply(path, frame, message.timestamp)
        self._metrics.events_listed(self._network.events)
        self._tick(messages)
        if fresh:
            self.on_events(fresh)

    def _read(
        self, messages: list[Message], wanted: Callable[[Path], bool] | None = None, *, events: bool = False
    ) -> Iterator[tuple[Message, Path, Frame]]:
        """The frames of `wanted` paths among some messages; what is none, or is in the wrong stream, is counted."""
        for message in messages:
            try:
                path = self._paths.get(message.subject) or self._path_of(message.subject)
                if wanted is not None and not wanted(path):
                    continue
                frame = decode(message.data)
            except FrameError as error:
                self._refuse(message, error)
            except PathError as error:
                self._metrics.refused("subject")
                self._log(logging.WARNING, "subject", f"a message on a subject that is no node's: {error}")
            else:
                if (frame.kind == EVENTS) is events:
                    yield message, path, frame
                else:
                    self._refuse(message, FrameError("kind", f"{KIND_NAMES[frame.kind]} in the other kind's stream"))

    def _path_of(self, subject: str) -> Path:
        _, path = self._subjects.path_of(subject)
        if len(self._paths) >= _MOST_PATHS:
            self._paths.clear()
        self._paths[subject] = path
        return path

    def _refuse(self, message: Message, error: FrameError) -> None:
        """Counted by reason; it neither refreshes nor blames the node whose subject it bears."""
        self._metrics.refused(error.reason)
        self._log(logging.WARNING, error.reason, f"a message on {message.subject} is refused: {error}")

    def _note(self, path: Path, frame: Frame, outcome: Outcome, timestamp: float, tally: Counter[str]) -> None:
        tally[outcome.status.value] += 1
        tally["unknown_fields"] += frame.unknown_fields
        if outcome.status is Status.AWAITS_KEYFRAME:  # the state has no epoch of it that could be gapped
            self._returned[path, frame.epoch] = self._wish(path, frame.epoch)
        if outcome.status is not Status.APPLIED:
            return
        tally["values"] += outcome.values
        if self._clock.now(self._monotonic()) - timestamp > STALE_INTERVALS * frame.interval_ms / 1000:
            tally["late"] += outcome.values
        if not outcome.new_epoch:
            tally["missing"] += outcome.missing
        for loss in ("unknown", "refused_values", "refused_series", "saturated", "baseline"):
            if count := getattr(outcome, loss):
                tally[loss] += count
                self._log(logging.WARNING, loss, f"{format_path(path)}: {int(count)} {_LOSSES[loss]}")
        tally["keyframes"] += outcome.whole
        if frame.kind == KEYFRAME:  # it has come; whether it is whole, the state knows
            self._returned.pop((path, frame.epoch), None)
        if frame.events_held is not None:
            self._network.events.held(path, frame.epoch, frame.events_held, timestamp)

    def _tick(self, messages: list[Message]) -> None:
        if messages:
            self._clock.note(messages[-1].timestamp, self._monotonic())


_LOSSES: Final = {
    "unknown": "values of series that were not defined yet are left out until the next keyframe",
    "refused_values": "values are refused: negative, not finite, too large, or not of the type they were defined with",
    "refused_series": "series are refused: a reserved name, or a limit is reached",
    "saturated": "sums stay at 2^63 - 1",
    "baseline": "epoch came back that had been folded: it counts from here",
}
