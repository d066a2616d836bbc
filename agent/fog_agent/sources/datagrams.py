"""Read datagrams from a UDP or unix socket on a thread of its own.

A loop of `recv` reads one in 1.1 µs; an asyncio protocol takes 18. The kernel's queue is made as long as it lets us,
and what it drops all the same is asked of it (`SO_MEMINFO`, the number that /proc/net/udp has in its last column).
"""

from __future__ import annotations

import errno
import grp
import ipaddress
import logging
import os
import select
import socket
import stat
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fog_agent.sources.directory_lock import alone_in
from utilityfog_frontend.telemetry.support.problems import Problems

MAX_DATAGRAM: Final = 65_536
"""Bytes. One that is longer comes with one byte more than this, and its end is lost: it is to be refused."""
BUFFER: Final = 4 * 2**20
"""Bytes of the kernel's queue: about 10,000 short datagrams, where the default holds 256."""
BATCH: Final = 256
"""Datagrams that are handed on together at most."""
LAST_BATCHES: Final = 400
"""So many are still read at a stop: more than the queue holds, and an end to it under a flood."""
FAULT: Final = "fault"
"""The reason of a refusal for datagrams that a fault of the agent's own has lost."""
PATIENCE: Final = 2.0
"""Seconds that a stop waits for the thread."""
MAX_PATH: Final = 90
"""Bytes of a unix socket's path: the system allows 107, and it is made under a longer name first."""

_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("9I")
_CREDENTIALS: Final = struct.Struct("3i")

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where datagrams are received.

    Attributes:
        host: an IP address; empty for a unix socket.
        port: 0 for any that is free.
        path: of a unix socket.
        mode: permissions of a unix socket.
        group: the group that a unix socket is of, by name; empty for the process's own.
    """

    host: str = ""
    port: int = 0
    path: str = ""
    mode: int = 0o660
    group: str = ""


def read_address(text: str, *, insecure: bool = False, mode: int = 0o660, group: str = "") -> Address:
    """Read `127.0.0.1:8125`, `[::1]:8125` or `unix:/run/fog/statsd.sock`.

    Raises:
        ValueError: it is none of these, or it can be reached from other machines, which `insecure` has to allow.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or len(os.fsencode(path)) > MAX_PATH:
            raise ValueError(f"{text!r}: a unix socket has an absolute path of at most {MAX_PATH} bytes")
        return Address(path=path, mode=mode, group=group)
    host, colon, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"{text!r} is no address: write 127.0.0.1:8125, [::1]:8125 or unix:/run/fog/statsd.sock")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{text!r}: {host!r} is no IP address: write 127.0.0.1:{port} or [::1]:{port}") from None
    if not address.is_loopback and not insecure:
        raise ValueError(
            f"{text!r} can be reached from other machines, and nobody can tell what they send from this one's: "
            f"listen on 127.0.0.1:{port}, or write insecure = true"
        )
    return Address(host=host, port=int(port))


def bind(address: Address) -> socket.socket:
    """Open the socket of an address, with a long queue; of a unix socket each datagram tells who has sent it.

    Raises:
        OSError: says which address cannot be used, and why.
    """
    try:
        sock = _bind_unix(address) if address.path else _bind_udp(address)
    except OSError as error:
        where = address.path or f"{address.host}:{address.port}"
        raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from None
    sock.settimeout(0)
    return sock


def _bind_udp(address: Address) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _lengthen(sock)
        sock.bind((address.host, address.port))
    except OSError:
        sock.close()
        raise
    return sock


def _lengthen(sock: socket.socket) -> None:
    """Ask for a long queue: with CAP_NET_ADMIN it is as long as asked, else at most `net.core.rmem_max`."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
    got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it for its own books
    if got < BUFFER:
        log.warning("the queue for datagrams has %d bytes, not %d: sysctl net.core.rmem_max=%d", got, BUFFER, BUFFER)


def _bind_unix(address: Address) -> socket.socket:
    """Bind under another name, and rename when its permissions are right: nobody finds it with others."""
    path = Path(address.path)
    with alone_in(path.parent):
        return _bind_new(address, path)


def _bind_new(address: Address, path: Path) -> socket.socket:
    _refuse_taken(path)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        if hasattr(socket, "SO_PASSCRED"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.bind(str(new))
        new.chmod(address.mode)
        if address.group:
            os.chown(new, -1, group_id(address.group))
        new.rename(path)
    except OSError:
        sock.close()
        new.unlink(missing_ok=True)
        raise
    return sock


def _refuse_taken(path: Path) -> None:
    """Refuse a path where somebody receives, or where there is another kind of file; a dead socket may be replaced."""
    try:
        is_socket = stat.S_ISSOCK(path.stat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(errno.EEXIST, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
    raise OSError(errno.EADDRINUSE, "another program receives there")


def group_id(name: str) -> int:
    """Return the number of a group.

    Raises:
        OSError: no group has this name.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise OSError(errno.EINVAL, f"there is no group {name!r}") from None


class Sender(NamedTuple):
    """The process that has sent a datagram to a unix socket, by the kernel's word.

    Attributes:
        pid: its process; 0 where the kernel does not know it here.
        uid: its user.
        gid: its group.
        address: where it receives answers: a path, or as bytes a name that no file has; empty when it has none.
    """

    pid: int
    uid: int
    gid: int
    address: str | bytes


class Datagram(NamedTuple):
    """A datagram, and who has sent it; None where the kernel does not say."""

    data: bytes
    sender: Sender | None


def receive(sock: socket.socket) -> bytes:
    """Receive a datagram. Files that come along are closed by the kernel."""
    return sock.recv(MAX_DATAGRAM + 1)


def receive_with_sender(sock: socket.socket) -> Datagram:
    """Receive a datagram with its sender. There is no room for files: the kernel closes those that come along."""
    data, ancillary, _flags, address = sock.recvmsg(MAX_DATAGRAM + 1, socket.CMSG_SPACE(_CREDENTIALS.size))
    return Datagram(data, _sender(ancillary, address))


def _sender(ancillary: list[tuple[int, int, bytes]], address: Any) -> Sender | None:
    wanted = getattr(socket, "SCM_CREDENTIALS", None)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == wanted and len(data) == _CREDENTIALS.size:
            pid, uid, gid = _CREDENTIALS.unpack(data)
            return Sender(pid, uid, gid, address if isinstance(address, str | bytes) else "")
    return None


class DatagramReader(Generic[T]):
    """Read the datagrams that come to an address until it is stopped, on a thread of its own.

    Args:
        name: for logs, and the thread's.
        address: where to receive; once it has started, with the port.
        receive: receives one datagram: `receive`, or `receive_with_sender`.
        take: gets the datagrams, several at a time, on the reader's thread. One that raises loses those, which is
            logged; the next are read.
        lost: is told how many datagrams were lost as `take` raised.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        receive: Callable[[socket.socket], T],
        take: Callable[[list[T]], None],
        lost: Callable[[int], object],
    ) -> None:
        self.address = address
        self._name = name
        self._receive = receive
        self._take = take
        self._lost = lost
        self._running: _Running | None = None
        self._dropped = self._seen = 0  # in all, and of the present socket
        self._lock = threading.Lock()
        self._problems = Problems()

    def start(self) -> None:
        """Open the socket, and begin to read.

        Raises:
            OSError: says which address cannot be used, and why.
            RuntimeError: it has begun already.
        """
        if self._running is not None:
            raise RuntimeError(f"{self._name} is read already")
        sock = bind(self.address)
        if not self.address.path:
            self.address = replace(self.address, port=sock.getsockname()[1])
        self._seen = 0
        wake, woken = socket.socketpair()
        thread = threading.Thread(target=self._run, args=(sock, woken), name=f"fog {self._name}", daemon=True)
        self._running = _Running(sock, wake, thread, _identity(self.address.path))
        thread.start()

    def stop(self) -> None:
        """Read what has come until now, and end; after two seconds at most. It may be started again."""
        running, self._running = self._running, None
        if running is None:
            return
        running.wake.close()  # which the thread hears
        running.thread.join(PATIENCE)
        with self._lock:
            self._note_dropped(running.sock)
            running.sock.close()
        if running.file and _identity(self.address.path) == running.file:
            Path(self.address.path).unlink(missing_ok=True)

    def dropped(self) -> int:
        """Return how many datagrams the kernel has dropped, as the queue was full. For any thread."""
        running = self._running
        with self._lock:
            if running is not None:
                self._note_dropped(running.sock)
            return self._dropped

    def _note_dropped(self, sock: socket.socket) -> None:
        """Add what was dropped since the last look to the total: the kernel's number has 32 bits."""
        with suppress(OSError, struct.error):  # closed, or a system that has no such number
            info = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
            now = _MEMINFO.unpack(info)[8]
            self._dropped += (now - self._seen) & 0xFFFFFFFF
            self._seen = now

    def _run(self, sock: socket.socket, woken: socket.socket) -> None:
        with woken:
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            poll.register(woken, select.POLLIN)
            stopping = False
            while not stopping:
                stopping = any(descriptor == woken.fileno() for descriptor, _ in poll.poll())
                closed = stopping and _take_no_more(sock)
                for _ in range(LAST_BATCHES if stopping else 1):
                    if not self._read_batch(sock, closed=closed):
                        break

    def _read_batch(self, sock: socket.socket, *, closed: bool) -> bool:
        """Read what there is, up to a batch, and hand it on; whether there may be more."""
        batch: list[T] = []
        more = True
        try:
            while len(batch) < BATCH:
                if closed and not _has_one(sock):
                    more = False
                    break
                batch.append(self._receive(sock))
        except OSError:  # nothing more at present, or closed
            more = False
        if batch:
            try:
                self._take(batch)
            except Exception:  # noqa: BLE001 - whatever it does with these, the next ones are read
                self._lost(len(batch))
                self._problems.report("datagrams", "%s: lost %d datagrams", self._name, len(batch), exc_info=True)
        return more


def _take_no_more(sock: socket.socket) -> bool:
    """Let senders be refused from now on, so that none sends what nobody reads; tell whether a unix socket's are.

    A UDP socket that is connected takes datagrams of its peer alone, which is itself here. Its queue stays.
    """
    if sock.family != socket.AF_UNIX:
        with suppress(OSError):
            sock.connect(sock.getsockname())
        return False
    try:
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        return False
    return hasattr(socket, "SO_PASSCRED")


def _has_one(sock: socket.socket) -> bool:
    """Tell whether there is a datagram in a socket that takes no more: it alone says who has sent it."""
    return bool(sock.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size), socket.MSG_PEEK)[1])


class _Running(NamedTuple):
    """The parts of a reader that runs."""

    sock: socket.socket
    wake: socket.socket
    thread: threading.Thread
    file: tuple[int, int] | None


def _identity(path: str) -> tuple[int, int] | None:
    """Tell a socket's file from another that takes its place; None when it is not there."""
    if not path:
        return None
    try:
        there = Path(path).stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino
