"""The last call before a process ends, also for a child process that leaves by `os._exit`."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import Any, Final

_AFTER_ALL_OTHERS: Final = -1_000
"""multiprocessing runs finalisers from the highest priority to the lowest; others may still count."""


class LastCall:
    """Calls a function before its process ends, from `arm` to `disarm`.

    A process that ends by itself runs `atexit`. A child of multiprocessing does not, whatever its start method: it runs
    multiprocessing's own finalisers, and forgets those that were made before its first step. A process of celery's
    pool runs neither; it sends a signal of celery's. Nothing is imported: who uses one of these has it loaded.

    Args:
        function: called from the main thread, perhaps more than once.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._armed = False
        self._finalizer: Any = None

    def arm(self) -> None:
        """Begin to listen for the end; again in a forked child, whose parent may not have loaded multiprocessing."""
        self.disarm()
        self._armed = True
        atexit.register(self._function)
        if util := sys.modules.get("multiprocessing.util"):
            util.register_after_fork(self, LastCall._in_child)
            self._finalize()
        if signals := sys.modules.get("celery.signals"):
            signals.worker_process_shutdown.connect(self._celery, weak=False)

    def disarm(self) -> None:
        """Do not call the function any more."""
        self._armed = False
        atexit.unregister(self._function)
        if self._finalizer is not None:
            self._finalizer.cancel()
            self._finalizer = None
        if signals := sys.modules.get("celery.signals"):
            signals.worker_process_shutdown.disconnect(self._celery)

    def _in_child(self) -> None:
        """Run where a child of multiprocessing begins, forked or not, after it has forgotten all finalisers."""
        if self._armed:
            self._finalize()

    def _finalize(self) -> None:
        finalize = sys.modules["multiprocessing.util"].Finalize
        self._finalizer = finalize(None, self._function, exitpriority=_AFTER_ALL_OTHERS)

    def _celery(self, **_: object) -> None:
        self._function()
