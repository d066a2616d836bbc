"""Listens for jobs, and looks into their spool: the edge of `[jobs]`."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from fog_agent.sources.datagrams import MAX_DATAGRAM, Datagram, DatagramReader, receive_with_sender
from fog_agent.sources.ports import Context

from .limits import Rates
from .message import MALFORMED, TOO_LONG, VALUE, Message, RefusedError, is_statsd, read_line, read_message
from .recording import CLASH, LABELS, NAME, SERIES, Recorder
from .settings import JobsSettings
from .spool import Spool
from .statsd_lines import StatsdLines

USER: Final = "user"
RATE: Final = "rate"
SPOOL: Final = "spool"
SOCKET: Final = "socket"
REASONS: Final = (CLASH, LABELS, MALFORMED, NAME, RATE, SERIES, SPOOL, TOO_LONG, USER, VALUE)
LEFT_OVER: Final = 3_600.0
"""Seconds after which an unfinished file of the spool is nobody's."""
PATIENCE: Final = 2.0
_OK: Final = b"ok"
_MOST_SAID: Final = 1_000

log = logging.getLogger(__name__)


class JobsSource:
    """The socket and the spool. Threads of their own read them; `record` is for one at a time.

    Args:
        settings: of the table.
        context: of the agent.

    Attributes:
        name: its name in the file of sources.
    """

    def __init__(self, settings: JobsSettings, context: Context) -> None:
        self.name = settings.name
        self._settings = settings
        self._metrics = context.metrics
        self._interval = context.interval
        self._messages = context.collector.register_counter(
            "fog_agent_jobs_messages_total", "Messages of jobs that were taken, by way: socket or spool", ["way"]
        )
        for way in (SOCKET, SPOOL):
            self._messages.labels(way)
        self._recorder = Recorder(context.collector, settings.max_series)
        self._statsd = StatsdLines(self.name, settings.dialect, context)
        self._rates = Rates(settings.rate)
        self._lock = threading.Lock()
        self._reader = DatagramReader(self.name, settings.address, receive_with_sender, self._take)
        self._spool = Spool(settings.spool)
        self._ended = threading.Event()
        self._looking: threading.Thread | None = None
        self._metrics.expect(self.name, *REASONS)
        self._metrics.up(self.name, up=False)

    def start(self) -> None:
        """Begin to listen, and to look into the spool.

        Raises:
            OSError: says which socket or directory cannot be used, and why.
        """
        if not hasattr(socket, "SO_PASSCRED"):
            raise OSError(
                f"jobs need a system that tells who has sent a message, as Linux does; this is {sys.platform}"
            )
        self._spool.prepare()
        self._statsd.add_source()
        self._reader.start()
        self._ended.clear()
        self._looking = threading.Thread(target=self._look, name=f"fog {self.name} spool", daemon=True)
        self._looking.start()
        self._metrics.up(self.name, up=True)

    def stop(self) -> None:
        """End: what the socket had is in the collector, what the spool has waits for the next agent."""
        self._ended.set()
        self._reader.stop()
        if self._looking is not None:
            self._looking.join(PATIENCE)
        self._metrics.up(self.name, up=False)

    def _look(self) -> None:
        """Take the spool now and at each interval, on a thread of its own."""
        while True:
            began = time.monotonic()
            try:
                for found in self._spool.take():
                    if found.wrong:
                        self._metrics.refuse(self.name, SPOOL, found.wrong)
                    else:
                        self._record(found.uid, found.data, SPOOL)
                    if self._ended.is_set():
                        return
                self._spool.clear_leftovers(time.time() - LEFT_OVER)
                self._metrics.up(self.name, up=True)
            except OSError as error:
                self._metrics.down(self.name, f"spool {self._settings.spool}: {error.strerror}")
            self._metrics.read(self.name, time.monotonic() - began)
            if self._ended.wait(self._interval):
                return

    def _take(self, batch: list[Datagram]) -> None:
        """Record what came by the socket. On the reader's thread."""
        for data, sender in batch:
            if sender is None:
                self._metrics.refuse(self.name, USER, "a message came without its sender's credentials")
                continue
            if len(data) > MAX_DATAGRAM:
                self._metrics.refuse(self.name, TOO_LONG, f"a message is longer than {MAX_DATAGRAM} bytes")
                continue
            message, wrong = self._record(sender.uid, data, SOCKET)
            if message is not None and message.sync:
                _answer(sender.address, "; ".join(wrong)[:_MOST_SAID].encode() or _OK)

    def _record(self, uid: int, data: bytes, way: str) -> tuple[Message | None, list[str]]:
        """Record a message of a user; the message, and what was wrong with it."""
        message, wrong = None, list[RefusedError]()
        try:
            message = self._admit(uid, data, way)
        except RefusedError as error:
            wrong.append(error)
        else:
            with self._lock:
                self._record_lines(uid, message, wrong)
            self._messages.labels(way).increment()
        for refused in wrong:
            self._metrics.refuse(self.name, refused.reason, str(refused))
        return message, [str(refused) for refused in wrong[:10]]

    def _admit(self, uid: int, data: bytes, way: str) -> Message:
        """Read a message of a user who may tell one.

        Raises:
            RefusedError: it is none, or not from anybody who may.
        """
        if self._settings.allow_uid and uid not in self._settings.allow_uid:
            raise RefusedError(USER, f"user {uid} is not in allow_uid")
        message = read_message(data)
        if way == SOCKET and not self._rates.take(uid, len(message.lines), time.monotonic()):
            raise RefusedError(RATE, f"user {uid} tells more than {self._settings.rate} lines a second")
        return message

    def _record_lines(self, uid: int, message: Message, wrong: list[RefusedError]) -> None:
        if of_statsd := [text for text in message.lines if is_statsd(text)]:
            wrong += self._statsd.take(of_statsd)
        for text in message.lines:
            if is_statsd(text):
                continue
            try:
                self._recorder.record(uid, read_line(text), message.sent_at)
            except RefusedError as error:
                wrong.append(error)


def _answer(address: bytes | str, text: bytes) -> None:
    """Answer to a name that the kernel gave: a path could lead to anybody's socket."""
    if not isinstance(address, bytes):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)  # noqa: FBT003 - the standard library's way
        sender.sendto(text, address)
