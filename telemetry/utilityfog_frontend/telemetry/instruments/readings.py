"""Ask functions of gauges, sources, and hooks that fill metrics, before a collector is read."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from utilityfog_frontend.telemetry.support.asking import Asker, Question
from utilityfog_frontend.telemetry.support.problems import Problems

PATIENCE: Final = 1.0
"""Longest time in seconds that a reader waits for an answer."""
SHARE: Final = 0.1
"""Part of the interval between two readings that a reader waits at most."""
LEAST_PATIENCE: Final = 0.05
"""A reader waits so long in any case: a busy machine is no reason to do without an answer."""
SILENT_INTERVALS: Final = 3
SILENT_SECONDS: Final = 1.0
"""So long must one be silent in any case before its gauges go: a short interval makes nobody slow."""


class Readings:
    """Asks what a collector's values come from, each on its own, and gives up on those that do not answer.

    All methods may be called from any thread.

    Args:
        problems: takes what failed.
        monotonic: seconds that never go back.
    """

    def __init__(self, problems: Problems | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._problems = problems or Problems(monotonic)
        self._monotonic = monotonic
        self._questions: dict[Question, None] = {}
        self._several: list[Callable[[], Iterable[Question]]] = []
        self._interval = 30.0

    def every(self, interval: float) -> None:
        """Say how often the collector is read, in seconds: patience is a tenth, and three of them are silence."""
        self._interval = interval

    def add(self, question: Question) -> None:
        """Ask one at each reading."""
        self._questions[question] = None

    def add_several(self, questions: Callable[[], Iterable[Question]]) -> None:
        """Ask at each reading those that there are then."""
        self._several.append(questions)

    def discard(self, question: Question) -> None:
        """Ask one no more."""
        self._questions.pop(question, None)

    def refresh(self, patience: float | None = None) -> None:
        """Ask all, and wait for the answers, at most for `patience` seconds or a tenth of the interval."""
        self.ask([*self._questions, *(one for several in self._several for one in several())], patience)

    def ask(self, questions: Sequence[Question], patience: float | None = None) -> None:
        """Ask some, as `refresh` does."""
        if not questions:
            return
        now = self._monotonic()
        for question in questions:
            question.asked(now)
        wanted = max(LEAST_PATIENCE, self._interval * SHARE) if patience is None else patience
        self._asker.ask(questions, min(PATIENCE, wanted))
        now = self._monotonic()
        for question in questions:
            if question.unanswered:
                self._missing(question, question.silent(now))

    @property
    def _asker(self) -> Asker:
        """Made when it is first needed; two threads get the same one."""
        made: Asker | None = self.__dict__.get("_made")
        return made or self.__dict__.setdefault("_made", Asker("telemetry-reading"))

    def _missing(self, question: Question, silent: float) -> None:
        if question.outstanding and silent >= self._interval:
            self._problems.count("late")
            self._problems.count_source(question.name)
        if silent >= max(SILENT_SECONDS, self._interval * SILENT_INTERVALS) and not question.expired:
            question.expired = True
            question.expire()
            self._problems.warn(
                "%s has not answered for %.3g s: its gauges are out until it does, its counts stay as they are",
                f"{question.name} {question.detail}".strip(),
                silent,
            )
