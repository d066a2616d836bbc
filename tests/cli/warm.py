"""`python -m fog_cli` as a fork of a process that has its modules already: to import them is most of what it costs.

Each worker of a run has one such process, of one thread. Its forks are children of the worker all the same: their
process ids, signals, exit codes and pipes are those of any process, and each may be killed. They differ from commands
that a shell starts in two things: modules are there before the command asks for them, and at its end the interpreter
does not take itself apart. Tests of just these start `python -m fog_cli` by themselves.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import fog_cli

_COLD: Final = ("run", "emit")
"""Commands that import next to nothing, and read the environment that the kernel has of their process."""

_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_ROOT: Final = Path(__file__).parents[2]


class WarmPopen(subprocess.Popen[Any]):
    """A `Popen` of `python -m MODULE ARGUMENTS…`, whose process is such a fork."""

    def _execute_child(self, args: Sequence[str], *rest: Any) -> None:
        """Do what `Popen` leaves to its own method of this name: start the process, and close its ends of pipes."""
        folder, environ, pipes, group = rest[4] or Path.cwd(), rest[5] or os.environ, rest[9:15], rest[21]
        asked = {"words": list(args[2:]), "environ": dict(environ), "folder": str(folder), "group": group}
        ours = enumerate((pipes[0], pipes[3], pipes[5]))
        self.pid = _warmed().fork(asked, [end if end >= 0 else number for number, end in ours])
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def starter(command: str, environ: Iterable[str] = ()) -> type[subprocess.Popen[Any]]:
    """Return what starts a command: a fork where it may be one; not with variables that Python reads as it starts."""
    cold = command in _COLD or any(name.startswith("PYTHON") for name in environ)
    return WarmPopen if sys.platform == "linux" and not cold else subprocess.Popen


class _Warmed:
    """The process that is forked, as a worker knows it. It ends when the worker does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())]
            null = subprocess.DEVNULL  # no terminal, as a pipe is none: what forks write is buffered alike
            self._process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=null, stdout=null, cwd=_ROOT)
        atexit.register(self._end)

    def fork(self, asked: dict[str, Any], files: Sequence[int]) -> int:
        """Return the process id of a new child, with these as its standard files."""
        with self._lock, _adopting():
            socket.send_fds(self._control, [json.dumps(asked).encode()], files)
            pid = self._control.recv(64)
            if not self._control.recv(64):  # else it is ours now
                raise RuntimeError("the process that is forked has ended; standard error may say why")
        return int(pid)

    def _end(self) -> None:
        self._control.close()
        self._process.wait()


@functools.cache
def _warmed() -> _Warmed:
    return _Warmed()


@contextmanager
def _adopting() -> Iterator[None]:
    """Let this process become the parent of processes below it that lose theirs. Not for longer: tests watch others."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SUBREAPER, 0, 0, 0, 0)


class _Fork:
    """The process that is forked; in a fork, the command."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._code = 1  # as after an exception that nobody catches
        atexit.register(self._leave)  # the first one is called as the last

    def main(self) -> None:
        """Import all commands, and fork whenever the worker asks for one."""
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a fork would not have the threads of numpy's algebra
        gc.disable()
        for module in pkgutil.walk_packages(fog_cli.__path__, "fog_cli."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        gc.freeze()
        gc.enable()
        asked = self._serve()
        self._code = _run(asked) if asked else 0

    def _serve(self) -> dict[str, Any]:
        """Return in a fork, with what it shall do; in the first process when the worker is gone, with nothing."""
        while True:
            message, files, _, _ = socket.recv_fds(self._control, 1 << 20, 3)
            if not message:
                return {}
            between = os.fork()
            if between == 0:
                child = os.fork()
                if child == 0:
                    break
                self._control.send(str(child).encode())
                os._exit(0)
            for file in files:
                os.close(file)
            os.waitpid(between, 0)
            self._control.send(b"yours")
        self._control.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        asked: dict[str, Any] = json.loads(message)
        return asked

    def _leave(self) -> None:
        """End without taking the interpreter apart."""
        sys.stdout.flush()
        os._exit(self._code)


def _run(asked: dict[str, Any]) -> int:
    """Do what `python -m` does with these words."""
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["folder"])
    if asked["group"] >= 0:
        os.setpgid(0, asked["group"])
    module, *sys.argv[1:] = asked["words"]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # of a terminal, to all of a run
        _Fork(socket.socket(fileno=int(sys.argv[1]))).main()
