"""The reader of datagrams: everything that comes is handed on or counted, and its socket is nobody else's."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from fog_agent.sources.datagrams import (
    BATCH,
    MAX_DATAGRAM,
    Address,
    Datagram,
    DatagramReader,
    read_address,
    receive,
    receive_with_sender,
)
from fog_testing.waiting import wait_until

T = TypeVar("T")
LOOPBACK = Address(host="127.0.0.1")


@contextmanager
def reading(
    address: Address,
    taken: list[T],
    how: Callable[[socket.socket], T],
    during: Callable[[], object] = bool,
    lost: list[int] | None = None,
) -> Iterator[DatagramReader[T]]:
    """Read datagrams into a list for the time of a block; `during` is called before each batch."""

    def take(batch: list[T]) -> None:
        during()
        taken.extend(batch)

    reader = DatagramReader("test", address, how, take, bool if lost is None else lost.append)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


@contextmanager
def client(address: Address) -> Iterator[socket.socket]:
    """Open a socket that sends to an address."""
    with socket.socket(socket.AF_UNIX if address.path else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address.path or (address.host, address.port))
        yield sock


def ignore(batch: list[bytes]) -> None:
    """Take datagrams that nobody looks at."""


def open_files() -> int:
    """Count the files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def unix(tmp_path: Path) -> Address:
    """Name a unix socket."""
    return Address(path=str(tmp_path / "statsd.sock"))


def test_it_hands_on_what_comes_in_its_order_over_both_kinds_of_sockets(unix: Address) -> None:
    """More than a batch, and an empty datagram among them."""
    for address in (LOOPBACK, unix):
        taken: list[bytes] = []
        sent = [b"%d" % number for number in range(BATCH + 10)] + [b""]
        with reading(address, taken, receive) as reader, client(reader.address) as sock:
            for data in sent:
                sock.send(data)
            wait_until(lambda: len(taken) == len(sent))  # noqa: B023 - this address's
        assert taken == sent


def test_what_came_before_a_stop_is_read() -> None:
    """A program sends and ends, the agent is told to end: the counts are in."""
    taken: list[bytes] = []
    first = threading.Event()
    with reading(LOOPBACK, taken, receive, during=lambda: first.wait(40)) as reader, client(reader.address) as sock:
        for _ in range(1_000):
            sock.send(b"x")
        first.set()
    assert len(taken) == 1_000


def test_nothing_is_accepted_that_nobody_reads_at_a_stop(unix: Address) -> None:
    """A sender that goes on over a unix socket while the reader stops is refused, or what it sent is handed on."""
    for _ in range(20):
        taken: list[bytes] = []
        sent = 0
        with reading(unix, taken, receive) as reader, client(unix) as sock:
            stopping = threading.Thread(target=reader.stop)
            sock.send(b"")
            sent += 1
            stopping.start()
            while True:
                try:
                    sock.send(b"x")
                except OSError:
                    break
                sent += 1
            stopping.join()
        assert len(taken) == sent


class LateSender(DatagramReader[bytes]):
    """Has somebody send at the last moment: all was read, and the socket is still open."""

    refused: int | None = None

    def _note_dropped(self, sock: socket.socket) -> None:
        with client(self.address) as late:
            late.send(b"late")
            self.refused = late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        super()._note_dropped(sock)


def test_nothing_over_udp_is_accepted_that_nobody_reads_at_a_stop() -> None:
    """A sender is refused from one datagram on: sent = handed on + dropped. All that was sent before is read."""
    taken: list[bytes] = []
    reader = LateSender("test", LOOPBACK, receive, taken.extend, bool)
    reader.start()
    with client(reader.address) as sock:
        for _ in range(100):
            sock.send(b"x")
        reader.stop()
    assert reader.refused == errno.ECONNREFUSED
    assert taken == [b"x"] * 100


def test_of_two_that_begin_at_once_one_receives(unix: Address) -> None:
    """The other one says so; none is left with a socket that nobody finds."""
    for _ in range(10):
        readers = [DatagramReader(f"{number}", unix, receive, ignore, bool) for number in range(4)]
        began = threading.Barrier(len(readers))
        refused: list[OSError] = []

        def start(reader: DatagramReader[bytes], began: threading.Barrier = began) -> None:
            began.wait(40)
            try:
                reader.start()
            except OSError as error:
                refused.append(error)  # noqa: B023 - this round's

        threads = [threading.Thread(target=start, args=(reader,)) for reader in readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for reader in readers:
            reader.stop()
        assert ["another program receives there" in str(error) for error in refused] == [True] * 3


def test_who_holds_the_directory_shuts_nobody_out(
    unix: Address, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Any reader of it can lock it for ever: the socket is bound without the lock after a while."""
    monkeypatch.setattr("fog_agent.sources.directory_lock.PATIENCE", 0.05)
    held = os.open(Path(unix.path).parent, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        taken: list[bytes] = []
        with reading(unix, taken, receive), client(unix) as sock:
            sock.send(b"x")
        assert taken == [b"x"]
    finally:
        os.close(held)
    assert "another program holds the lock" in caplog.text


def test_what_the_kernel_drops_is_counted_exactly() -> None:
    """While nobody reads, the queue fills up: sent = handed on + dropped, and it is the number of /proc/net/udp."""
    taken: list[bytes] = []
    go_on = threading.Event()
    with reading(LOOPBACK, taken, receive, during=lambda: go_on.wait(30)) as reader, client(reader.address) as sock:
        sent = 0
        while not reader.dropped():
            for _ in range(1_000):
                sock.send(b"x" * 100)
            sent += 1_000
        lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()
        [line] = [line.split() for line in lines if f"0100007F:{reader.address.port:04X}" in line.split()[1:2]]
        assert int(line[-1]) == reader.dropped()
        go_on.set()
        wait_until(lambda: len(taken) + reader.dropped() == sent)
    assert len(taken) + reader.dropped() == sent, "known after the end as well"
    reader.start()
    reader.stop()
    assert len(taken) + reader.dropped() == sent, "another socket's number begins at zero"


def test_a_datagram_of_a_unix_socket_tells_who_has_sent_it(unix: Address, tmp_path: Path) -> None:
    """By the kernel's word; and files that come along are nobody's."""
    taken: list[Datagram] = []
    with reading(unix, taken, receive_with_sender), client(unix) as sock, (tmp_path / "any").open("w") as file:
        sock.send(b"without a name")
        wait_until(lambda: len(taken) == 1)
        sock.bind(str(tmp_path / "me"))
        before = open_files()
        socket.send_fds(sock, [b"with a file"], [file.fileno()] * 20)
        wait_until(lambda: len(taken) == 2)
        assert open_files() == before
    me = (os.getpid(), os.getuid(), os.getgid())
    assert [(one.data, one.sender) for one in taken] == [
        (b"without a name", (*me, "")),
        (b"with a file", (*me, str(tmp_path / "me"))),
    ]


def test_a_datagram_that_is_too_long_can_be_told(unix: Address) -> None:
    """Its end is cut off: who takes it must see that."""
    taken: list[bytes] = []
    with reading(unix, taken, receive), client(unix) as sock:
        sock.send(b"x" * MAX_DATAGRAM)
        sock.send(b"x" * (MAX_DATAGRAM + 1_000))
        wait_until(lambda: len(taken) == 2)
    assert [len(data) for data in taken] == [MAX_DATAGRAM, MAX_DATAGRAM + 1]


def test_a_taker_that_raises_loses_its_batch_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The next datagrams are read, and the lost ones are counted."""
    taken: list[bytes] = []
    lost: list[int] = []

    def fail_once() -> None:
        if not lost:
            raise RuntimeError("broken")

    with reading(LOOPBACK, taken, receive, during=fail_once, lost=lost) as reader, client(reader.address) as sock:
        sock.send(b"lost")
        wait_until(lambda: lost == [1])
        sock.send(b"read")
        wait_until(lambda: taken == [b"read"])
    assert "lost 1 datagrams" in caplog.text


def test_a_unix_socket_has_its_permissions_and_takes_no_other_s_place(unix: Address) -> None:
    """A second program is refused, a file that is no socket is left alone, a dead socket is replaced."""
    path = Path(unix.path)
    with reading(unix, [], receive):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with pytest.raises(OSError, match="another program receives there"), reading(unix, [], receive):
            pass
    assert list(path.parent.iterdir()) == [], "its file goes with it"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(unix.path)
    with reading(unix, [], receive):
        path.unlink()
        path.write_text("another's", encoding="ascii")
    assert path.read_text(encoding="ascii") == "another's"
    with pytest.raises(OSError, match="a file that is no socket"), reading(unix, [], receive):
        pass
    with pytest.raises(OSError, match="there is no group 'nobody-has-it'"):
        DatagramReader("test", Address(path=unix.path + "2", group="nobody-has-it"), receive, ignore, bool).start()
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing half made stays"


def test_an_address_that_is_taken_is_named() -> None:
    """Two listeners of one port."""
    with reading(LOOPBACK, [], receive) as first:
        where = f"127.0.0.1:{first.address.port}"
        with pytest.raises(OSError, match=f"cannot listen on {where}: Address already in use"):
            DatagramReader("second", first.address, receive, ignore, bool).start()


def test_addresses_are_loopback_unless_somebody_wants_others() -> None:
    """The kernel tells nobody who has sent a datagram of UDP."""
    assert read_address("127.0.0.1:8125") == Address(host="127.0.0.1", port=8125)
    assert read_address("localhost:8125") == Address(host="127.0.0.1", port=8125)
    assert read_address("[::1]:8125") == Address(host="::1", port=8125)
    assert read_address("0.0.0.0:8125", insecure=True) == Address(host="0.0.0.0", port=8125)  # noqa: S104
    assert read_address("unix:/run/s", mode=0o600, group="fog") == Address(path="/run/s", mode=0o600, group="fog")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0.0.0:8125", "other machines"),
        ("[::]:8125", "insecure = true"),
        ("8125", "is no address"),
        ("127.0.0.1:99999", "is no address"),
        ("example.test:8125", "is no IP address"),
        ("unix:relative.sock", "absolute path"),
        ("unix:/" + "x" * 90, "at most 90 bytes"),
    ],
)
def test_other_addresses_are_refused_with_words(text: str, said: str) -> None:
    """The text says what to write."""
    with pytest.raises(ValueError, match=said):
        read_address(text)
