"""The lock that all series of a family share, and its one rule: a flush is never entered twice."""

import threading
from collections.abc import Callable


class Gate:
    """Guards flushed state. Writers pass by it, save to flush, and then only when it is free: they never wait.

    A signal handler or a finaliser may run in the middle of a flush of its own thread, and may read. The lock lets it
    in (else it would wait for itself, for ever), and `flushing` says so: take the state as it is, do not flush.

    A signal handler may also raise (Ctrl-C, a time limit), after any call. So the lock is only taken by `with lock`,
    which is one step to the interpreter, and never by a method of ours, which could be left with the lock taken.

    One for each family rather than for each series: 10,000 children share one, and a fork renews one.
    """

    __slots__ = ("_on_drop", "dropped", "flushing", "lock")

    def __init__(self, on_drop: Callable[[int], None]) -> None:
        self.dropped = 0  # observations a flush refused; told to `on_drop` once the lock is free again
        self._on_drop = on_drop
        self.renew()

    def renew(self) -> None:
        """In a forked child: whoever held the lock is not here."""
        self.lock = threading.RLock()
        self.flushing = False

    def flush_if_free(self, flush: Callable[[], object]) -> None:
        """Folds on behalf of a writer, unless the lock is taken: its holder flushes, or the next writer will."""
        [taken] = map(self.lock.acquire, (False,))  # one step as well: no handler runs before the `try`
        if taken:
            try:
                flush()
            finally:
                self.lock.release()
            self.tell_dropped()

    def tell_dropped(self) -> None:
        """Tells what flushes refused. The caller does not hold the lock: to count and to log may take others."""
        if self.dropped:
            with self.lock:
                dropped, self.dropped = self.dropped, 0
            self._on_drop(dropped)
