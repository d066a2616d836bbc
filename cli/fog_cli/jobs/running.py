"""Runs a command as if it were not wrapped, and tells how it went."""

import _signal  # type: ignore[import-not-found] # `signal` wraps it into enumerations, which cost two milliseconds
import _thread
import os
import time
from resource import struct_rusage

from fog_cli.jobs.telling import Relay, complain, labelled, quoted

_PASSED_ON = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)
_FROM_KERNEL = 0x80  # SI_KERNEL: a terminal's key, which the whole foreground has got
_NOT_FOUND, _NOT_RUNNABLE = 127, 126  # as shells have it
_ENOENT, _ENOEXEC = 2, 8
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
_TAIL = 2048
_PATIENCE = 0.5  # seconds for the rest of standard error, which a process left behind may hold open


class _Tail:
    """Standard error of the command on its way to ours, its end remembered."""

    def __init__(self) -> None:
        self._out, self.into = os.pipe()
        self._end = b""
        self._writing = False
        self._done = _thread.allocate_lock()
        self._done.acquire()
        _thread.start_new_thread(self._copy, ())

    def close(self) -> None:
        """Leave the pipe to the command, so that it ends with it."""
        os.close(self.into)

    def text(self) -> str:
        """Return its end, once all has come and is where it would have gone."""
        while not self._done.acquire(timeout=_PATIENCE) and self._writing:
            continue  # whoever reads ours is slow: the command itself would have waited, too
        return self._end.decode("utf-8", "replace")

    def _copy(self) -> None:
        try:
            while chunk := os.read(self._out, 65536):
                self._writing = True
                self._end = (self._end + chunk)[-_TAIL:]
                try:
                    while chunk:
                        chunk = chunk[os.write(2, chunk) :]
                except OSError:  # nobody reads ours: the command must not wait for that
                    pass
                self._writing = False
        finally:
            self._done.release()


def run(relay: Relay, name: str, argv: list[str], *, tail: bool) -> int:
    """Run a command and tell the agent; the command's exit code, 128 + n when signal n ended it."""
    name = name or argv[0].rpartition("/")[2]
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, (*_PASSED_ON, _signal.SIGCHLD))
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # ignored, as some parents leave it, it takes the exit code away
    errors = _tail() if tail else None
    begun, since = time.time(), time.monotonic()
    try:
        pid = _spawn(argv, before, errors)
    except OSError as error:
        complain("run", f"{argv[0]}: {error.strerror}")
        code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_RUNNABLE
        _tell(relay, [*_start(name, begun), *_end(name, code, "failed", begun, 0.0), _event(name, code, 0, "")])
        return code
    _tell(relay, _start(name, begun))
    status, usage = _wait(pid)
    took = time.monotonic() - since
    ending = errors.text() if errors else ""
    code, signal = _code_of(status)
    lines = _end(name, code, "signal" if signal else "failed" if code else "ok", begun + took, took)
    for mode, seconds in (("user", usage.ru_utime), ("system", usage.ru_stime)):
        lines.append(f"counter {labelled('job_cpu_seconds_total', {'job': name, 'mode': mode})} {seconds:.6f}")
    lines.append(f"gauge {labelled('job_max_rss_bytes', {'job': name})} {usage.ru_maxrss * 1024}")
    if code:
        lines.append(_event(name, code, signal, ending))
    _tell(relay, lines)
    return code


def _spawn(argv: list[str], mask: set[int], errors: _Tail | None) -> int:
    """Start the command with the signals as this process found them, and with its streams."""
    actions = [(os.POSIX_SPAWN_DUP2, errors.into, 2)] if errors else []
    ours = (_signal.SIGPIPE, _signal.SIGXFSZ)  # the interpreter ignores them
    if not argv[0]:
        raise FileNotFoundError(_ENOENT, "No such file or directory")
    _restore_locale()
    try:
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions, setsigmask=mask, setsigdef=ours)
    except OSError as error:
        if error.errno != _ENOEXEC:
            raise
        shell = ["/bin/sh", _place_of(argv[0]), *argv[1:]]  # a script without a first line that says who reads it
        pid = os.posix_spawn(shell[0], shell, os.environ, file_actions=actions, setsigmask=mask, setsigdef=ours)
    if errors:
        errors.close()
    return pid


def _restore_locale() -> None:
    """Take from the environment what the interpreter puts there where no locale is set, as under cron (PEP 538)."""
    if os.environ.get("LC_CTYPE") not in _COERCED or "LC_ALL" in os.environ:
        return
    try:
        file = os.open("/proc/self/environ", os.O_RDONLY | os.O_CLOEXEC)  # as the process found it
    except OSError:
        return
    found = b""
    while part := os.read(file, 65536):
        found += part
    os.close(file)
    for entry in found.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == b"LC_CTYPE":
            os.environb[name] = value
            return
    del os.environ["LC_CTYPE"]


def _place_of(name: str) -> str:
    """Return the file that a name stands for, as the shell would find it."""
    if "/" not in name:
        for folder in os.environ.get("PATH", os.defpath).split(":"):
            file = f"{folder or '.'}/{name}"
            if os.access(file, os.X_OK):
                return file
    return name


def _tail() -> _Tail | None:
    try:
        os.fstat(2)  # closed, it is for the command to find it so
        return _Tail()
    except (OSError, RuntimeError) as error:  # no more files or threads: the command runs all the same
        complain("run", str(error))
        return None


def _wait(pid: int) -> tuple[int, struct_rusage]:
    """Wait for the end of the command, and pass on what others than the terminal's driver send."""
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage
        came = _signal.sigwaitinfo((*_PASSED_ON, _signal.SIGCHLD))
        if came.si_signo != _signal.SIGCHLD and not (came.si_code == _FROM_KERNEL and _has_it(pid, came.si_signo)):
            os.kill(pid, came.si_signo)


def _has_it(pid: int, signal: int) -> bool:
    """Tell whether the command has got a signal of the terminal's, too.

    Keys are for the foreground's group, which a command like `timeout` leaves; that it hangs up is told to the leader
    of the session alone.
    """
    if signal == _signal.SIGHUP and os.getsid(0) == os.getpid():
        return False
    return os.getpgid(pid) == os.getpgrp()


def _code_of(status: int) -> tuple[int, int]:
    """Return the exit code as a shell says it, and the signal that ended it, or 0."""
    code = os.waitstatus_to_exitcode(status)
    return (code, 0) if code >= 0 else (128 - code, -code)


def _start(name: str, begun: float) -> list[str]:
    return [f"gauge {labelled('job_last_start_timestamp_seconds', {'job': name})} {begun:.6f}"]


def _end(name: str, code: int, result: str, ended: float, took: float) -> list[str]:
    job = {"job": name}
    lines = [
        f"counter {labelled('job_runs_total', job | {'result': result})} 1",
        f"histogram {labelled('job_duration_seconds', job)} {took:.6f}",
        f"gauge {labelled('job_last_end_timestamp_seconds', job)} {ended:.6f}",
        f"gauge {labelled('job_last_exit_code', job)} {code}",
    ]
    if not code:
        lines.append(f"gauge {labelled('job_last_success_timestamp_seconds', job)} {ended:.6f}")
    return lines


def _event(name: str, code: int, signal: int, tail: str) -> str:
    labels = {"job": name, "exit_code": str(code)}
    if signal:
        labels["signal"] = str(signal)
    return f"event {labelled('job_failed', labels)} {quoted(tail)}"


def _tell(relay: Relay, lines: list[str]) -> None:
    """Tell lines; whatever goes wrong with it is a line on standard error and no business of the command's."""
    try:
        relay.tell(lines)
    except Exception as error:  # noqa: BLE001 - never the job's fault
        complain("run", str(error))
