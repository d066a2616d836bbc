"""Events: something happened, once, with details."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .support import arguments

MAX_EVENTS = 1_000


@dataclass(slots=True)
class TelemetryEvent:
    """Something that happened.

    Attributes:
        name: what, in one word; also the type of the hooks that hear it.
        value: anything; to travel over the bus it must be made of what msgpack knows.
        timestamp: unix seconds.
        labels: a few short strings to filter by.
        metadata: anything else; with OpenTelemetry the current `trace_id` and `span_id`.
    """

    name: str
    value: Any
    timestamp: float = field(default_factory=time.time)
    labels: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


class EventWatch:
    """How a writer to the bus follows the events of a collector. Safe from any thread.

    Attributes:
        lost: events that fell out of the bounded buffer before they were taken, in total.
        closed: after `close()`, and in a forked child.
    """

    def __init__(self, limit: int, lock: threading.RLock, forget: Callable[["EventWatch"], None]) -> None:
        self.lost = 0
        self.closed = False
        self._waiting: deque[TelemetryEvent] = deque(maxlen=limit)
        self._lock = lock
        self._forget = forget

    def take(self) -> list[TelemetryEvent]:
        """Return the events since the last call, oldest first."""
        with self._lock:
            events = list(self._waiting)
            self._waiting.clear()
            return events

    def note(self, event: TelemetryEvent) -> None:
        """For the log, which holds its lock."""
        if len(self._waiting) == self._waiting.maxlen:
            self.lost += 1
        self._waiting.append(event)

    def renew(self, lock: threading.RLock) -> None:
        """For the log in a forked child, where the watch is closed."""
        self.closed = True
        self._lock = lock
        self._waiting.clear()

    def close(self) -> None:
        """End the watch."""
        with self._lock:
            self.closed = True
            self._forget(self)


class EventLog:
    """The latest events, bounded, and those who follow. Safe from any thread."""

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        arguments.number_of("max_events", max_events)
        self._lock = threading.RLock()
        self._events: deque[TelemetryEvent] = deque(maxlen=max_events)
        self._watches: list[EventWatch] = []
        self._has_watch = False

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: TelemetryEvent) -> None:
        """Keep `event`, in place of the oldest when there are too many."""
        with self._lock:
            self._events.append(event)
            for watch in self._watches:
                watch.note(event)

    def latest(self, limit: int | None = None) -> list[TelemetryEvent]:
        """Return the last `limit` events, or all that are kept, oldest first."""
        if limit is not None:
            arguments.number_of("limit", limit, least=0)
        with self._lock:
            events = list(self._events)
        return events if limit is None else events[max(len(events) - limit, 0) :]

    def clear(self) -> None:
        """Forgets all events; watches still get them."""
        with self._lock:
            self._events.clear()

    def watch(self, limit: int) -> EventWatch:
        """Follows from now on, keeping at most `limit` events that were not taken yet.

        The first watch also gets what is still kept of the time before it: an agent that is attached late tells of it.
        """
        watch = EventWatch(arguments.number_of("limit", limit, least=0), self._lock, self._forget)
        with self._lock:
            if not self._has_watch:
                self._has_watch = True
                for event in self._events:
                    watch.note(event)
            self._watches.append(watch)
        return watch

    def renew(self) -> None:
        """In a forked child: the parent's events are the parent's to tell."""
        self._lock = threading.RLock()
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.renew(self._lock)
        self._events.clear()
        self._has_watch = False

    def _forget(self, watch: EventWatch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)
