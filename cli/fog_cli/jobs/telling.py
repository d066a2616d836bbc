"""Tells the agent of this machine what a job has to say: by a datagram, else by a file in the spool, else not at all.

A message is a header, `fog1 <unix seconds> <sync or ->`, and lines: `counter name{label="value"} 1`, `gauge …`,
`histogram …` (one observation), `event name{…} "text"`; or samples of the text format, or statsd's lines.
"""

import _socket
import os
import time

SOCKET = "/run/fog/jobs.sock"
SPOOL = "/var/spool/fog"
WAIT = 0.2
"""Seconds that a job waits at most for a place in the agent's queue."""
ANSWER = 2.0
"""Seconds that it waits for an answer, when it was asked to."""
MAX_FILES = 1_000
MAX_BYTES = 1_000_000
"""How much the spool holds; what comes then is dropped."""
SUFFIX = ".job"
MARK = ".journal"
"""A file of the spool: the agent has a journal, and counts what is in the spool exactly once."""
LOOK = b"fog1 look"
"""Asks it to look there."""


class TellingError(Exception):
    """Something was not told; its text says what and why."""


class DroppedError(TellingError):
    """Something is lost, as nobody listens and the spool takes no more: no reason for a job to fail."""


class Relay:
    """The way to the agent.

    Args:
        socket: the agent's unix datagram socket.
        spool: a directory for what nobody listens to.
        sync: wait for the agent's answer.
    """

    def __init__(self, socket: str, spool: str, *, sync: bool = False) -> None:
        self._socket = socket
        self._spool = spool
        self._sync = sync
        self._number = 0

    def tell(self, lines: list[str]) -> None:
        """Tell these lines as one message.

        Raises:
            TellingError: they were refused, or no answer came.
            DroppedError: they are lost.
        """
        header = f"fog1 {time.time():.6f} {'sync' if self._sync else '-'}\n"
        message = (header + "\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
        if not self._sync and self._is_spooled(message):
            return
        try:
            with_socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        except OSError as error:
            self._put(message, error)
            return
        try:
            self._send(with_socket, message)
        finally:
            with_socket.close()

    def _is_spooled(self, message: bytes) -> bool:
        """Put a message into the spool of an agent with a journal, and let it look there; False when it has none.

        Or when the spool takes no more: then the agent's queue is better than nothing.
        """
        if not os.path.exists(f"{self._spool}/{MARK}"):  # noqa: PTH110 - pathlib costs as much as all the rest
            return False
        try:
            if self._is_full(len(message)):
                return False
            self._write(message)
        except OSError:
            return False
        try:
            relay = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
            try:
                relay.setblocking(False)  # noqa: FBT003 - the standard library's way
                relay.sendto(LOOK, self._socket)
            finally:
                relay.close()
        except OSError:  # it looks now and again by itself
            pass
        return True

    def _send(self, relay: _socket.socket, message: bytes) -> None:
        try:
            relay.settimeout(WAIT)
            if self._sync:
                relay.bind(b"")  # a name of the kernel's own, to which the answer goes
                relay.sendto(message, self._socket)  # when connected it would hear nobody else
            else:
                relay.connect(self._socket)
                relay.send(message)
        except OSError as error:
            self._put(message, error)
            return
        if self._sync:
            _await_answer(relay)

    def _put(self, message: bytes, why: OSError) -> None:
        """Put a message into the spool, whole or not at all: written under another name, and renamed."""
        reason = f"{self._socket}: {why.strerror or 'its queue is full'}"
        try:
            full = self._is_full(len(message))
            if not full:
                self._write(message)
        except OSError as error:
            raise DroppedError(f"{reason}; spool {self._spool}: {error.strerror}: dropped") from None
        if full:
            raise DroppedError(f"{reason}; spool {self._spool} is full ({MAX_FILES} files, {MAX_BYTES} bytes): dropped")

    def _is_full(self, size: int) -> bool:
        files = 1
        try:
            with os.scandir(self._spool) as entries:
                for entry in entries:
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
                    if files > MAX_FILES or size > MAX_BYTES:
                        return True
        except FileNotFoundError:
            if not os.path.isdir(self._spool):  # noqa: PTH112 - pathlib costs as much as all the rest
                os.mkdir(self._spool, 0o700)  # noqa: PTH102 - as above
        return size > MAX_BYTES

    def _write(self, message: bytes) -> None:
        self._number += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._number}"
        temporary, final = f"{self._spool}/.{name}", f"{self._spool}/{name}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600)
        try:
            if os.stat(self._spool).st_uid not in (0, os.getuid()):  # noqa: PTH116 - as above
                os.fchmod(file, 0o640)  # the agent is another user, and reads it by the directory's group
            left = message
            while left:
                left = left[os.write(file, left) :]
            os.rename(temporary, final)  # noqa: PTH104 - as above
        except OSError:
            os.unlink(temporary)  # noqa: PTH108 - as above
            raise
        finally:
            os.close(file)


def _await_answer(relay: _socket.socket) -> None:
    relay.settimeout(ANSWER)
    try:
        answer = relay.recv(4096).decode("utf-8", "replace")
    except OSError:
        raise TellingError(f"no answer within {ANSWER:g} s: it may have been counted, or not") from None
    if answer != "ok":
        raise TellingError(f"the agent refused: {answer}")


def complain(command: str, why: str) -> None:
    """Say something on standard error; `print` says it on standard output where that is closed."""
    try:
        os.write(2, f"fog {command}: {why}\n".encode("utf-8", "replace"))
    except OSError:
        return


def quoted(text: str) -> str:
    """Return a text as a label's value is written."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def labelled(name: str, labels: dict[str, str]) -> str:
    """Return a name and its labels as the text format writes them."""
    if not labels:
        return name
    return name + "{" + ",".join([f"{label}={quoted(value)}" for label, value in labels.items()]) + "}"
