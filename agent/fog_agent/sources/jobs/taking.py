"""Takes what a user tells, by whichever way it came: admits it, records it, and counts what was refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from fog_agent.sources.ports import Context

from .limits import Rates
from .message import Message, RefusedError, is_statsd, read_line, read_message
from .recording import Entry, Moment, Recorder
from .settings import JobsSettings
from .statsd_lines import StatsdLines

USER: Final = "user"
RATE: Final = "rate"
SPOOL: Final = "spool"
SOCKET: Final = "socket"


Count = Callable[[list[tuple[Any, float]]], bool]
"""Makes counts in one step, and tells whether it has."""


class NotCountedError(Exception):
    """A message could not be counted now: it is to be taken again."""


class Taking:
    """Records messages of users. Both ways may call at once, each of them once at a time.

    Args:
        settings: of the table.
        context: of the agent.
    """

    def __init__(self, settings: JobsSettings, context: Context) -> None:
        self._name = settings.name
        self._settings = settings
        self._metrics = context.metrics
        self._messages = context.collector.register_counter(
            "fog_agent_jobs_messages_total", "Messages of jobs that were taken, by way: socket or spool", ["way"]
        )
        for way in (SOCKET, SPOOL):
            self._messages.labels(way)
        self._recorder = Recorder(context.collector, settings.max_series)
        self._statsd = StatsdLines(settings.name, settings.dialect, context)
        self._rates = Rates(settings.rate)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Show the sums of statsd's lines in the collector from now on."""
        self._statsd.add_source()

    def take(self, uid: int, data: bytes, way: str, count: Count | None = None) -> tuple[Message | None, list[str]]:
        """Record a message of a user, and count it.

        Args:
            uid: the user's, as the kernel told it.
            data: the message.
            way: `SOCKET` or `SPOOL`; the rate holds for the socket alone.
            count: makes all counts of a message in one step; they are made one by one without it.

        Raises:
            NotCountedError: `count` could not; nothing was done.

        Returns:
            The message, None if it was not admitted, and what was wrong with it: ten texts at most.
        """
        message, wrong = None, list[RefusedError]()
        try:
            message = self._admit(uid, data, way)
        except RefusedError as error:
            wrong.append(error)
        else:
            with self._lock:
                self._record_lines(uid, message, way, wrong, count)
            self._messages.labels(way).increment()
        for refused in wrong:
            self._metrics.refuse(self._name, refused.reason, str(refused), refused.count)
        return message, [str(refused) for refused in wrong[:10]]

    def _admit(self, uid: int, data: bytes, way: str) -> Message:
        """Read a message of a user who may tell one.

        Raises:
            RefusedError: it is none, or not from anybody who may.
        """
        if self._settings.allow_uid and uid not in self._settings.allow_uid:
            raise RefusedError(USER, f"user {uid} is not in allow_uid")
        message = read_message(data)
        lines = max(1, len(message.lines))
        if way == SOCKET and not self._rates.take(uid, lines, time.monotonic()):
            raise RefusedError(RATE, f"user {uid} tells more than {self._settings.rate} lines a second", lines)
        return message

    def _record_lines(
        self, uid: int, message: Message, way: str, wrong: list[RefusedError], count: Count | None
    ) -> None:
        now = time.time()
        moment = Moment(min(message.sent_at, now) if way == SPOOL else now, now)
        entries: list[Entry] = []
        for text in message.lines:
            if is_statsd(text):
                continue
            try:
                entries.append(self._recorder.plan(uid, read_line(text), moment))
            except RefusedError as error:
                wrong.append(error)
        if count is not None:
            if not count([(entry.series, entry.line.value) for entry in entries if entry.counts]):
                raise NotCountedError
            entries = [entry for entry in entries if not entry.counts]
        for entry in entries:
            self._recorder.make(entry)
        if of_statsd := [text for text in message.lines if is_statsd(text)]:
            wrong += self._statsd.take(of_statsd)
