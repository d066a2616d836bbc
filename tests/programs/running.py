"""Real programs in subprocesses, and what a fleet knows of them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fog_bus.nats.api import JetStream
from fog_bus.streams import METRICS
from fog_testing.fleet import Fleet
from fog_testing.waiting import eventually
from tests.bus.broker import connected

NODE: Final = "fog/0/3"
DEADLINE: Final = 60.0
ENVIRON: Final = {name: value for name, value in os.environ.items() if not name.startswith(("FOG_", "NATS_"))}


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    output: str


class Running:
    """`python ARGUMENTS…` that runs, in a session of its own; standard output and error go to one file.

    Attributes:
        process: its first process.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, environ: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environ,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """All that it has written until now."""
        return self._log.read_text(errors="replace")

    def send_signal(self, number: int) -> None:
        """Send a signal to the first process alone, as a service manager does."""
        self.process.send_signal(number)

    async def listens(self, port: int) -> None:
        """Wait until a connection to `port` is taken."""

        def connects() -> bool:
            assert self.process.poll() is None, f"the program ended:\n{self.output}"
            with socket.socket() as client:
                client.settimeout(1)
                return client.connect_ex(("127.0.0.1", port)) == 0

        await eventually(connects, deadline=DEADLINE, what=f"the program listens on {port}")

    async def says(self, text: str) -> None:
        """Wait until its output has `text`."""

        def said() -> bool:
            found = text in self.output
            assert found or self.process.poll() is None, f"the program ended without {text!r}:\n{self.output}"
            return found

        await eventually(said, deadline=DEADLINE, what=f"the program says {text!r}")

    async def ended(self) -> Ended:
        """Wait until the first process has ended."""
        await eventually(
            lambda: self.process.poll() is not None, deadline=DEADLINE, what=f"the program ends; {self.output}"
        )
        return Ended(self.process.returncode, self.output)

    async def stop(self) -> Ended:
        """Send SIGTERM and wait until the first process has ended."""
        self.send_signal(signal.SIGTERM)
        return await self.ended()

    def kill(self) -> None:
        """Kill all of its processes that are left."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Programs:
    """Starts programs in a folder of the test's, beside a nats-server and the fleet that an aggregator reads from it.

    A program finds the server's address in the variable `SERVER`, the path in `NODE`, and imports from the folder.

    Args:
        folder: where scripts lie and programs run.
        server: URL of the nats-server.
        fleet: the aggregator.
    """

    def __init__(self, folder: Path, server: str, fleet: Fleet) -> None:
        self.folder = folder
        self.fleet = fleet
        self.environ = ENVIRON | {"SERVER": server, "NODE": NODE, "PYTHONPATH": str(folder)}
        self._count = 0

    def write(self, name: str, source: str) -> Path:
        """Write a script or a module into the folder."""
        file = self.folder / name
        file.write_text(textwrap.dedent(source).lstrip())
        return file

    @asynccontextmanager
    async def start(self, *arguments: str, **environ: str) -> AsyncIterator[Running]:
        """Provide `python ARGUMENTS…` that runs; all of it is killed when the test is done with it."""
        self._count += 1
        log = self.folder / f"output-{self._count}.txt"
        running = Running(arguments, self.folder, self.environ | environ, log)
        try:
            yield running
        finally:
            running.kill()

    async def run(self, *arguments: str, **environ: str) -> Ended:
        """Run `python ARGUMENTS…` from beginning to end."""
        async with self.start(*arguments, **environ) as running:
            return await running.ended()

    async def exported(self, name: str, path: str = NODE, **labels: str) -> float:
        """Return what the fleet has counted under `name` at a path, of all that was acknowledged; 0 for no series."""
        await self.fleet.settle()
        await self._all_is_read()
        try:
            return self.fleet.value(name, path, **labels)
        except KeyError:
            return 0

    async def _all_is_read(self) -> None:
        """Wait until the fleet has read what the server has stored by now: programs are no agents of the fleet's."""
        async with connected(self.environ["SERVER"]) as link:
            info = await JetStream(link).call(f"STREAM.INFO.{METRICS}")
        last = int(info["state"]["last_seq"])
        await eventually(lambda: self._read_until(METRICS) >= last, deadline=DEADLINE, what="all is read")

    def _read_until(self, stream: str) -> int:
        [status] = [one for one in self.fleet.streams() if one.name == stream]
        return status.sequence


async def get(port: int, path: str = "/") -> str:
    """Ask a server of loopback, in a connection of its own."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
            text: str = answer.read().decode()
            return text

    return await asyncio.to_thread(ask)
