"""The lock that all series of a family share, and its one rule: a fold is never entered twice."""

import threading
from collections.abc import Callable


class Gate:
    """Guards folded state. Writers pass by it, save to fold, and then only when it is free: they never wait.

    A signal handler or a finaliser may run in the middle of a fold of its own thread, and may read. The lock lets it
    in (else it would wait for itself, for ever), and `__enter__` says False: take the state as it is, do not fold.

    One for each family rather than for each series: 10,000 children share one, and a fork renews one.
    """

    __slots__ = ("_depth", "_on_drop", "dropped", "lock")

    def __init__(self, on_drop: Callable[[int], None]) -> None:
        self.dropped = 0  # observations a fold refused; told to `on_drop` once the lock is free again
        self._on_drop = on_drop
        self.renew()

    def renew(self) -> None:
        """In a forked child: whoever held the lock is not here."""
        self.lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> bool:
        self.lock.acquire()
        self._depth += 1
        return self._depth == 1

    def __exit__(self, *_: object) -> None:
        self._leave()

    def fold_if_free(self, fold: Callable[[], None]) -> None:
        """Folds on behalf of a writer, unless the lock is taken: its holder folds, or the next writer will."""
        if not self.lock.acquire(blocking=False):
            return
        self._depth += 1
        try:
            if self._depth == 1:
                fold()
        finally:
            self._leave()

    def _leave(self) -> None:
        self._depth -= 1
        dropped = self.dropped
        self.dropped = 0
        self.lock.release()
        if dropped:
            self._on_drop(dropped)
