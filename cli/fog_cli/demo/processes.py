"""The demo's child processes: `fog` itself, in sessions of their own, gone when the parent is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from fog_cli.errors import CommandError

START_SECONDS: Final = 120.0
"""Seconds until a program is ready. The first one compiles its kernels, which takes long on a busy machine."""
STOP_SECONDS: Final = 20.0
END_SECONDS: Final = 1.0
"""Seconds after its last answer within which a process that has died is known to have."""
_LONGEST: Final = 60
"""Bytes of the directory for temporary files: the address of a unix socket has at most 104 on some systems, and ours
end with up to 40."""
# A line means that all went well; the pipe's end without one means that the parent died. Its children may still write.
_REMOVER: Final = 'read -r _ || { for _ in 1 2 3 4 5; do rm -rf -- "$1"; sleep 1; done; }'


@contextlib.contextmanager
def temporary_directory() -> Iterator[Path]:
    """Provide a directory for what the children write; it is removed at the end, also when this process is killed.

    Raises:
        CommandError: Its path would be too long for the sockets in it.
    """
    if len(os.fsencode(temporary := tempfile.gettempdir())) > _LONGEST:
        raise CommandError(
            f"the path of the directory for temporary files, {temporary}, is too long for the unix sockets in it: "
            f"set TMPDIR to one of at most {_LONGEST} bytes"
        )
    with tempfile.TemporaryDirectory(prefix="fog-demo-") as name:
        remover = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVER, "fog-demo-remover", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield Path(name)
        finally:
            remover.communicate(b"\n")


class Child:
    """A `fog` subcommand as a process.

    Ctrl-C does not reach it: the parent stops its children in order. Were the parent killed, the child's standard
    input would end, which stops it (``--stop-on-eof``).
    """

    def __init__(self, name: str, process: Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(cls, arguments: Sequence[str], environ: Mapping[str, str], directory: Path) -> Self:
        """Start ``fog ARGUMENTS`` and wait until it is ready, as a service manager does (sd_notify).

        Its standard error goes to a log in `directory`.

        `environ` is added to this process's environment, less its ``FOG_…`` and ``NATS_…``: those are for the parent.

        Raises:
            CommandError: when it ended instead, or was not ready within `START_SECONDS`.
        """
        log, notify = directory / f"{arguments[0]}.log", directory / f"{arguments[0]}.notify"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FOG_", "NATS_"))}
        command = [sys.executable, "-m", "fog_cli", *arguments, "--stop-on-eof"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, log.open("wb") as errors:
            manager.settimeout(0)  # as event loops want it
            notify.unlink(missing_ok=True)  # of one that did not start
            manager.bind(str(notify))
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=errors,
                start_new_session=True,
                env={**inherited, **environ, "NOTIFY_SOCKET": str(notify)},
            )
            child = cls(f"fog {arguments[0]}", process, log)
            try:
                await child._ready(manager)
            except BaseException:
                await child.stop()
                raise
        return child

    async def _ready(self, manager: socket.socket) -> None:
        ready = asyncio.create_task(_notified(manager, b"READY=1"))
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            self.check()
            if not ready.done():
                raise CommandError(f"{self.name} was not ready within {START_SECONDS:g} s")
        finally:
            ready.cancel()
            ended.cancel()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise CommandError, with the end of its log, when it has ended by itself."""
        if self._process.returncode is not None:
            raise self._complaint()

    async def explain(self) -> None:
        """Raise CommandError, as `check` does, when it ends now: that is why it did not answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        self.check()

    async def finish(self) -> None:
        """`stop`, and raise CommandError when it did not end well."""
        await self.stop()
        if self._process.returncode:
            raise self._complaint()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when it has not ended after 20 s."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _complaint(self) -> CommandError:
        code = self._process.returncode
        if code is not None and code < 0:
            return CommandError(f"{self.name} was ended by {signal.Signals(-code).name}")
        lines = self.log.read_text(errors="replace").splitlines()
        words = (line.strip(" |+-") for line in reversed(lines))  # the frame around a traceback of several errors
        last_words = next(filter(None, words), "it said nothing").removeprefix(f"{self.name}: ")
        return CommandError(f"{self.name} ended with code {code}: {last_words}")


async def _notified(manager: socket.socket, state: bytes) -> None:
    """Wait until a process notifies of this state; one that cannot start notifies of others, such as STOPPING=1."""
    while await asyncio.get_running_loop().sock_recv(manager, 100) != state:
        pass
