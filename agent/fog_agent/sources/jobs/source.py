"""Listens for jobs, and looks into their spool: the edge of `[jobs]`."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from fog_agent.sources.datagrams import FAULT, MAX_DATAGRAM, Datagram, DatagramReader, receive_with_sender
from fog_agent.sources.ports import Context
from fog_agent.sources.statsd.lines import REASONS as REASONS_OF_STATSD

from .message import LOOK, MALFORMED, TOO_LONG, VALUE
from .recording import CLASH, LABELS, NAME, SERIES
from .settings import JobsSettings
from .spool import Found, Spool
from .taking import RATE, SOCKET, SPOOL, USER, NotCountedError, Taking

REASONS: Final = tuple(
    sorted({CLASH, FAULT, LABELS, MALFORMED, NAME, RATE, SERIES, SPOOL, TOO_LONG, USER, VALUE, *REASONS_OF_STATSD})
)
LEFT_OVER: Final = 3_600.0
"""Seconds after which an unfinished file of the spool is nobody's."""
PATIENCE: Final = 2.0
BREATH: Final = 0.05
"""Seconds between two looks into the spool at least, however often somebody asks for one."""
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
        self._taking = Taking(settings, context)
        self._reader = DatagramReader(self.name, settings.address, receive_with_sender, self._take, self._lost)
        self._journal = context.collector.journal
        journal = None if self._journal is None else self._journal.file
        self._spool = Spool(settings.spool, settings.address.group, journal)
        self._ended = threading.Event()
        self._woken = threading.Event()
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
        if forsaken := self._spool.forsaken():
            log.warning(
                "%s: %d files of the spool were taken by an agent with a journal that was killed, and are not counted: "
                "give this one the same --journal, and room there",
                self.name,
                forsaken,
            )
        self._taking.start()
        self._reader.start()
        self._ended.clear()
        self._looking = threading.Thread(target=self._look, name=f"fog {self.name} spool", daemon=True)
        self._looking.start()
        self._metrics.up(self.name, up=True)

    def stop(self) -> None:
        """End: what the socket had is in the collector, what the spool has waits for the next agent."""
        self._ended.set()
        self._reader.stop()
        self._woken.set()
        if self._looking is not None:
            self._looking.join(PATIENCE)
        self._metrics.up(self.name, up=False)

    def _look(self) -> None:
        """Take the spool now and at each interval, on a thread of its own."""
        while True:
            began = time.monotonic()
            try:
                self._take_spool()
            except OSError as error:
                self._metrics.down(self.name, f"spool {self._settings.spool}: {error.strerror}")
            except Exception as error:  # noqa: BLE001 - one message that cannot be must not end the thread
                self._metrics.down(self.name, f"spool {self._settings.spool}: lost a message: {error!r}")
            self._metrics.read(self.name, time.monotonic() - began)
            if self._ended.wait(BREATH):
                return
            self._woken.wait(self._interval)
            self._woken.clear()
            if self._ended.is_set():
                return

    def _take_spool(self) -> None:
        """Take what is in the spool.

        Raises:
            OSError: the directory cannot be read, or a file cannot be removed.
        """
        self._spool.reclaim()
        waiting = 0
        for found in self._spool.take():
            waiting += not self._take_found(found)
            if self._ended.is_set():
                return
        self._spool.clear_leftovers(time.time() - LEFT_OVER)
        if waiting:
            raise OSError(errno.EBUSY, f"{waiting} files wait: one that was taken cannot be removed")
        self._metrics.up(self.name, up=True)

    def _take_found(self, found: Found) -> bool:
        """Count what a file has; with a journal the file goes in the same step. False when it waits."""
        if found.wrong:
            self._metrics.refuse(self.name, SPOOL, found.wrong)
        elif found.path is None or self._journal is None:
            self._taking.take(found.uid, found.data, SPOOL)
        else:
            journal, path = self._journal, found.path
            try:
                self._taking.take(found.uid, found.data, SPOOL, lambda counts: journal.count(counts, path))
            except NotCountedError:
                self._spool.release(found)
                return False
            with suppress(OSError):
                path.unlink(missing_ok=True)  # one that was refused as a whole
        return True

    def _lost(self, count: int) -> None:
        """Count messages that were lost by a fault of ours."""
        self._metrics.refuse(self.name, FAULT, f"lost {count} messages by a fault: the log says which", count)

    def _take(self, batch: list[Datagram]) -> None:
        """Record what came by the socket. On the reader's thread."""
        for data, sender in batch:
            if sender is None:
                self._metrics.refuse(self.name, USER, "a message came without its sender's credentials")
                continue
            if data.startswith(LOOK):
                self._woken.set()
                continue
            if len(data) > MAX_DATAGRAM:
                self._metrics.refuse(self.name, TOO_LONG, f"a message is longer than {MAX_DATAGRAM} bytes")
                continue
            message, wrong = self._taking.take(sender.uid, data, SOCKET)
            if message is None or message.sync:  # a job that does not wait for an answer has no address
                _answer(sender.address, "; ".join(wrong)[:_MOST_SAID].encode() or _OK)


def _answer(address: bytes | str, text: bytes) -> None:
    """Answer to a name that the kernel gave: a path could lead to anybody's socket."""
    if not isinstance(address, bytes):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)  # noqa: FBT003 - the standard library's way
        sender.sendto(text, address)
