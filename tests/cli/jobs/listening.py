"""A socket in an agent's place, jobs as real processes, and what is in their spool."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.processes import ENVIRON


class Place:
    """A folder with a socket and a spool; nobody listens until somebody does."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "jobs.sock"
        self.spool = folder / "spool"
        self.environ = ENVIRON | {"FOG_SOCKET": str(self.socket), "FOG_SPOOL": str(self.spool)}

    @contextmanager
    def listening(self) -> Iterator[socket.socket]:
        """Receive what jobs tell."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(str(self.socket))
            receiver.settimeout(40)
            yield receiver

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start `fog` with these arguments."""
        argv = [sys.executable, "-m", "fog_cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environ | more)

    def fog(self, *arguments: str, given: bytes = b"", **more: str) -> tuple[int, bytes, bytes]:
        """Run `fog` from beginning to end; exit code, output, errors."""
        with self.start(*arguments, **more) as process:
            out, err = process.communicate(given, timeout=30)
        return process.returncode, out, err

    def spooled(self) -> list[str]:
        """List the lines of all files of the spool, without their headers."""
        files = sorted(self.spool.iterdir()) if self.spool.exists() else []
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
        assert all(file.suffix == ".job" for file in files)
        return [line for file in files for line in file.read_text().splitlines()[1:]]


def received(receiver: socket.socket) -> list[str]:
    """Receive one message; its lines behind the header."""
    header, *lines = receiver.recv(65536).decode().splitlines()
    assert header.startswith("fog1 ")
    return lines
