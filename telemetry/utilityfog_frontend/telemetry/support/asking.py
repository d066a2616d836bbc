"""Ask functions that may hang: each reader waits for a bounded time, and whoever hangs holds up nobody else.

The functions of a collector are asked in turn on one thread, which lives for as long as there is somebody to ask: a
thread for each call would cost more than most answers. One that takes long keeps the thread for itself, and another
thread goes on with the rest. The threads are daemons, so that none keeps the interpreter from its exit.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from .breathing import Breather
from .fork import renew_after_fork

logger = logging.getLogger("utilityfog_frontend.telemetry")

HAND_OVER: Final = 0.02
"""Seconds that one call may hold up the others; then another thread takes over."""
MAX_THREADS: Final = 64
"""Calls of one asker that may hang at the same time; while they do, nobody else is asked."""


class Question(ABC):
    """Something that is asked again and again. At most one call is outstanding.

    Attributes:
        name: names it in counters, and with `detail` in logs.
        detail: which one it is of several of this name.
        outstanding: it is being asked, or waits to be.
        since: monotonic seconds at which the outstanding call was asked for.
        seconds: how long the last call took.
        expired: it has not answered for so long that `expire` was called.
    """

    __slots__ = ("_unanswered_since", "detail", "expired", "name", "outstanding", "seconds", "since")

    def __init__(self, name: str, detail: str = "") -> None:
        self.name = name
        self.detail = detail
        self.outstanding = False
        self.since = 0.0
        self.seconds = 0.0
        self.expired = False
        self._unanswered_since: float | None = None

    @abstractmethod
    def ask(self) -> bool:
        """Ask, and keep the answer; tell whether there was one. May take for ever; what it raises is logged."""

    @abstractmethod
    def expire(self) -> None:
        """Take back what is only true for as long as there are answers. Called once until the next answer."""

    def asked(self, now: float) -> None:
        """Note that it is asked now: from here on it is unanswered, if it was not before."""
        if self._unanswered_since is None:
            self._unanswered_since = now

    def answered(self) -> None:
        """Note that it answered."""
        self._unanswered_since, self.expired = None, False

    @property
    def unanswered(self) -> bool:
        """Whether it was asked since its last answer."""
        return self._unanswered_since is not None

    def silent(self, now: float) -> float:
        """Return for how many seconds it has been asked without an answer."""
        return 0.0 if self._unanswered_since is None else now - self._unanswered_since


class _Worker:
    """One thread at work, and since when it has been with its present question."""

    __slots__ = ("begun", "question")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.question: Question | None = None


class Asker:
    """Asks questions on threads of its own. Safe from any thread, and after a fork.

    Args:
        name: of its threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[Question] = deque()
        self._workers: set[_Worker] = set()
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """In a forked child, which has none of the threads: the lock anew, nobody at work, and nobody asked."""
        for question in (*self._waiting, *(worker.question for worker in self._workers)):
            if question is not None:
                question.outstanding = False
        self._changed = threading.Condition()
        self._waiting = deque()
        self._workers = set()
        self._thread = threading.local()

    def ask(self, questions: Sequence[Question], patience: float) -> None:
        """Ask all that are not being asked already, and wait until they have answered.

        No call is waited for longer than `patience` seconds from its beginning: one that has hung for long costs
        nothing. A question that asks for others does not wait for them, as it would wait for itself.
        """
        if not questions or hasattr(self._thread, "working"):
            return
        with self._changed:
            now = time.monotonic()
            for question in sorted(questions, key=attrgetter("seconds")):  # the slow ones last
                if not question.outstanding:
                    question.outstanding, question.since = True, now
                    self._waiting.append(question)
            self._wait(questions, patience)

    def _wait(self, questions: Sequence[Question], patience: float) -> None:
        while True:
            self._hand_over()
            now = time.monotonic()
            remaining = max((one.since + patience - now for one in questions if one.outstanding), default=0.0)
            if remaining <= 0:
                return
            self._changed.wait(min(remaining, HAND_OVER))

    def _hand_over(self) -> None:
        """Let another thread begin when every one at work has been with its question for too long."""
        now = time.monotonic()
        stuck = all(now - worker.begun >= HAND_OVER for worker in self._workers)
        if not self._waiting or not stuck or len(self._workers) >= MAX_THREADS:
            return
        worker = _Worker(now)
        try:
            threading.Thread(target=self._work, args=[worker], name=self._name, daemon=True).start()
        except RuntimeError:  # no thread can begin, as at the interpreter's end: nobody is asked any more
            for question in self._waiting:
                question.outstanding = False
            self._waiting.clear()
            return
        self._workers.add(worker)

    def _work(self, worker: _Worker) -> None:
        """Ask until nobody waits to be asked."""
        breathe = Breather()
        self._thread.working = True
        question = self._next(worker, None)
        while question is not None:
            try:
                if question.ask():
                    question.answered()
            except BaseException:
                logger.exception("%s cannot be asked", question.name)
            breathe()
            question = self._next(worker, question)

    def _next(self, worker: _Worker, done: Question | None) -> Question | None:
        """Take the next question; None when the thread is to end."""
        with self._changed:
            now = time.monotonic()
            if worker not in self._workers:  # this is a forked child, and the call was its parent's
                return None
            if done is not None:
                done.seconds = now - worker.begun
                done.outstanding = False
            if self._waiting:
                worker.begun, worker.question = now, self._waiting.popleft()
                return worker.question
            self._workers.remove(worker)
            self._changed.notify_all()
            return None
