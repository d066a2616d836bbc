"""A `fog` command in a pseudo-terminal, as a person has it: the text that it prints, and Ctrl-C."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.cli.processes import ENVIRON

_IN_A_SESSION: Final = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'fog_cli', *sys.argv[1:]])"
)
"""Makes the terminal the process's own, so that its Ctrl-C is a signal."""
CTRL_C: Final = b"\x03"


class Terminal:
    """The screen and the keys of a person; lines end by a newline alone."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process = process
        self._end = end
        self._read = b""

    def line(self) -> str:
        """Return the next line, once it is there; what the process printed last if it has ended."""
        while b"\n" not in self._read and (more := self._more()):
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line.decode().rstrip("\r")

    def rest(self) -> str:
        """Return all that is printed until the process ends."""
        while more := self._more():
            self._read += more
        return self._read.decode().replace("\r\n", "\n")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._end, keys)

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed the window."""
        return self._end >= 0

    def hang_up(self) -> None:
        """Close the window: nothing can be read or typed any more."""
        os.close(self._end)
        self._end = -1

    def _more(self) -> bytes:
        try:
            return os.read(self._end, 4096)
        except OSError:  # nobody has the other end any more
            return b""


@contextmanager
def fog_in_terminal(*arguments: str) -> Iterator[Terminal]:
    """Provide a `fog` command that runs in a terminal; killed when the test is done with it."""
    end, other = pty.openpty()
    command = [sys.executable, "-c", _IN_A_SESSION, *arguments]
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=ENVIRON)
    os.close(other)
    terminal = Terminal(process, end)
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        if terminal.is_open:
            terminal.hang_up()
