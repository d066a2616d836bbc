"""Write a checkpoint in a forked child, which has the state as it was at that moment, by copy on write.

A large state takes seconds to write, and reading must not stop for them: the parent goes on after some milliseconds.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Final, NoReturn

from fog_aggregator.components.checkpoints.aside import Written, in_thread_to_its_end
from fog_aggregator.components.checkpoints.directory import CheckpointDirectory

_PATIENCE: Final = 600.0
"""Seconds that a child may take to write."""


class WritingChild:
    """A forked child that writes a checkpoint.

    Args:
        write: Called in the child, as soon as there is one; returns the size in bytes.
        directory: Where it writes; it is not renamed to its name once the parent is gone.

    Raises:
        OSError: There could be no child.
    """

    def __init__(self, write: Callable[[], int], directory: CheckpointDirectory) -> None:
        parent = os.getpid()
        self._directory = directory
        self._lock = threading.Lock()
        self._is_gone = False
        self._reading, writing = os.pipe()
        self._pid = _fork_uncollected()
        if self._pid == 0:
            directory.still_wanted = lambda: os.getppid() == parent
            _write_and_exit(write, writing)
        os.close(writing)

    async def finished(self) -> Written:
        """Wait until it is written; return what it took. When that is cancelled, the child is killed.

        Raises:
            OSError: nothing was replaced; the text is the child's.
        """
        ok, answer, cpu = await in_thread_to_its_end(self._read_answer, self._kill)
        if not ok:
            raise OSError(answer or "the writing process ended without a word")
        return Written(int(answer), cpu)

    def _read_answer(self) -> tuple[bool, str, float]:
        with open(self._reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor, not a path
            ready, _, _ = select.select([pipe], [], [], _PATIENCE)
            if not ready:
                self._kill()
            answer = pipe.read() or b""  # until the child has ended
        with self._lock:
            _, status, usage = os.wait4(self._pid, 0)
            self._is_gone = True
        self._directory.remove_unfinished(self._pid)  # when it was killed
        ok = os.waitstatus_to_exitcode(status) == 0
        return ok, answer.decode(errors="replace"), usage.ru_utime + usage.ru_stime

    def _kill(self) -> None:
        """End it, unless it has ended: then its id may be another process's."""
        with self._lock:
            if not self._is_gone:
                os.kill(self._pid, signal.SIGKILL)


def _fork_uncollected() -> int:
    """Fork; in the child no garbage is collected, not even while it begins: that would copy the state page by page."""
    collects, pid = gc.isenabled(), -1
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads: the child uses nothing that they could hold
            pid = os.fork()
    finally:
        if collects and pid != 0:
            gc.enable()
    return pid


def _write_and_exit(write: Callable[[], int], writing: int) -> NoReturn:
    """Live as the child: drop the parent's signals, sockets and exit handlers, write, and answer with one word."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(3, writing)
        os.closerange(writing + 1, 1 << 16)
        os.write(writing, str(write()).encode())
        code = 0
    except BaseException as error:  # noqa: BLE001 - a child must not go on as a second parent, whatever happens
        os.write(writing, str(error).encode()[:1000])
    finally:
        os._exit(code)
