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

from .message import MALFORMED, TOO_LONG, VALUE
from .recording import CLASH, LABELS, NAME, SERIES
from .settings import JobsSettings
from .spool import Spool
from .taking import RATE, SOCKET, SPOOL, USER, Taking

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
        self._taking = Taking(settings, context)
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
                        self._taking.take(found.uid, found.data, SPOOL)
                    if self._ended.is_set():
                        return
                self._spool.clear_leftovers(time.time() - LEFT_OVER)
                self._metrics.up(self.name, up=True)
            except OSError as error:
                self._metrics.down(self.name, f"spool {self._settings.spool}: {error.strerror}")
            except Exception as error:  # noqa: BLE001 - one message that cannot be must not end the thread
                self._metrics.down(self.name, f"spool {self._settings.spool}: lost a message: {error!r}")
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
            message, wrong = self._taking.take(sender.uid, data, SOCKET)
            if message is not None and message.sync:
                _answer(sender.address, "; ".join(wrong)[:_MOST_SAID].encode() or _OK)


def _answer(address: bytes | str, text: bytes) -> None:
    """Answer to a name that the kernel gave: a path could lead to anybody's socket."""
    if not isinstance(address, bytes):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)  # noqa: FBT003 - the standard library's way
        sender.sendto(text, address)
