"""`python -m fog_cli` as a fork of a process that has its modules already: to import them is most of what it costs.

Each worker of a run has one such process, of one thread. Its forks are children of the worker all the same: their
process ids, signals, exit codes and pipes are those of any process, and each may be killed. They differ from commands
that a shell starts in three things: modules are there before the command asks for them, /proc has the words and the
variables of the process that was forked, and at its end the interpreter does not take itself apart. Tests of just
these start `python -m fog_cli` by themselves. Whatever depends on how an interpreter starts has one that does.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib
import inspect
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import fog_cli
from fog_cli.later import lasting

_COLD: Final = ("run", "emit")
"""Commands that import next to nothing, and read the environment that the kernel has of their process."""

_AT_START: Final = ("PYTHON", "LC_", "LANG", "TZ")
"""How the variables begin that an interpreter, or the library of C, reads as it starts."""

_ENVIRON: Final = dict(os.environ)  # no test has changed it yet

_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_YOURS: Final = b"yours"  # a fork has the worker as its parent now
_ROOT: Final = Path(__file__).parents[2]

_PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_USED: Final = ("args", "cwd", "env", *_PIPES, "process_group")
_UNKNOWN_TO_FORKS: Final = (
    "executable",
    "preexec_fn",
    "pass_fds",
    "shell",
    "gid",
    "gids",
    "uid",
    "umask",
    "start_new_session",
)


def _parameters() -> Sequence[str]:
    """Return the names of what `Popen` tells its own method that starts a process: it is Python's own affair."""
    method = vars(subprocess.Popen).get("_execute_child")
    return list(inspect.signature(method).parameters)[1:] if method else ()


_PARAMETERS: Final = _parameters()
CAN_FORK: Final = sys.platform == "linux" and {*_USED, *_UNKNOWN_TO_FORKS} <= {*_PARAMETERS}
"""Whether this system lets forks have another parent, and this Python's `Popen` is one that we know."""


class Popen(subprocess.Popen[Any]):
    """A `Popen` whose process is such a fork where it may be one; else it is as any."""

    def _execute_child(self, *arguments: Any) -> None:
        """Do what `Popen` leaves to its own method of this name: start the process, and close its ends of pipes."""
        given = dict(zip(_PARAMETERS, arguments, strict=False))
        environ = os.environ if given.get("env") is None else given["env"]
        if not (CAN_FORK and _is_python_module(given) and _starts_alike(environ)):
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        folder, pipes = given["cwd"] or Path.cwd(), [given[name] for name in _PIPES]
        words = [str(word) for word in given["args"][2:]]
        asked = {"words": words, "environ": dict(environ), "folder": str(folder), "group": given["process_group"]}
        ours = enumerate((pipes[0], pipes[3], pipes[5]))
        self.pid = _warmed().fork(asked, [end if end >= 0 else number for number, end in ours])
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _is_python_module(given: Mapping[str, Any]) -> bool:
    """Whether it is `python -m MODULE ARGUMENTS…`, not one of those that are cold, with nothing that forks lack."""
    words = list(given["args"])
    if words[:2] != [sys.executable, "-m"] or (words[2] == "fog_cli" and words[3:4] and words[3] in _COLD):
        return False
    return all(given[name] in (None, False, (), -1) for name in _UNKNOWN_TO_FORKS)


def _starts_alike(environ: Mapping[str, str]) -> bool:
    """Whether an interpreter with these variables starts as that which is forked."""
    return _read_at_start(environ) == _read_at_start(_ENVIRON)


def _read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_AT_START)}


class _Warmed:
    """The process that is forked, as a worker knows it. It ends when the worker does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())]
            null = subprocess.DEVNULL  # no terminal, as a pipe is none: what forks write is buffered alike
            self._process = subprocess.Popen(
                argv, pass_fds=[theirs.fileno()], stdin=null, stdout=null, cwd=_ROOT, env=_ENVIRON
            )
        atexit.register(self._end)

    def fork(self, asked: dict[str, Any], files: Sequence[int]) -> int:
        """Return the process id of a new child, with these as its standard files."""
        with self._lock, _adopting():
            socket.send_fds(self._control, [json.dumps(asked).encode()], files)
            pid = self._control.recv(64)
            if pid == _YOURS or self._control.recv(64) != _YOURS:
                raise RuntimeError("the process that is forked has ended, or cannot fork; standard error may say why")
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
        asked: dict[str, Any] = {}
        with suppress(KeyboardInterrupt):  # of a terminal, to all of a run; a fork's is its command's
            _import_all()
            asked = self._serve()
        self._code = _run(asked) if asked else 0

    def _serve(self) -> dict[str, Any]:
        """Return in a fork, with what it shall do; in the first process when the worker is gone, with nothing."""
        while True:
            message, files, _, _ = socket.recv_fds(self._control, 1 << 20, 3)
            if not message:
                return {}
            gate = os.pipe()
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
            self._control.send(_YOURS)
            for end in gate:
                os.close(end)
        self._control.close()
        os.close(gate[1])
        os.read(gate[0], 1)  # until it is closed: a command may ask who its parent is
        os.close(gate[0])
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        asked: dict[str, Any] = json.loads(message)
        return asked

    def _leave(self) -> None:
        """End without taking the interpreter apart."""
        for file in (sys.stdout, sys.stderr):
            if not file.closed:
                file.flush()
        os._exit(self._code)


def _import_all() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a fork would not have the threads of numpy's algebra
    with lasting():
        for module in pkgutil.walk_packages(fog_cli.__path__, "fog_cli."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def _run(asked: dict[str, Any]) -> int:
    """Do what `python -m` does with these words."""
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["folder"])
    sys.path[0] = os.getcwd()  # noqa: PTH109 - a string, as Python's own
    if asked["group"] >= 0:
        os.setpgid(0, asked["group"])
    module, *sys.argv[1:] = asked["words"]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _Fork(socket.socket(fileno=int(sys.argv[1]))).main()
