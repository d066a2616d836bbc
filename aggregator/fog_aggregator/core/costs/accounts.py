"""Keep an account of what each subject costs its reader, and bound it (R12.63).

A subject has a bucket of working time, which is filled by the stream's own time: a backlog of hours is read as it would
have been read at the time. A node's subjects are its own, since the server authorises who publishes on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_schema.errors import PathError
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

RATE: Final = 0.1
MOST_SAVED: Final = 10.0
RESUMED_AT: Final = 1.0
MOST_CHARGED: Final = 1.0
"""Seconds that one message is charged at most: the process may have been stopped meanwhile."""
MOST_SUBJECTS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The working time that a subject may take.

    Attributes:
        rate: Seconds for each second of the stream's time: a node of 10,000 series that sends each second takes 0.001.
        most_saved: Seconds that may be saved up: a million series are defined anew in 3.
        resumed_at: Seconds that must be saved up before frames are taken again: enough for a keyframe and more.
    """

    rate: float = RATE
    most_saved: float = MOST_SAVED
    resumed_at: float = RESUMED_AT


USUAL_BUDGET: Final = Budget()


class Account:
    """The cost of one subject since the reader began. A slice charges it for each message (`slices`).

    Attributes:
        path: The path that publishes there.
        messages: How many were taken.
        bytes: Their size.
        seconds: How long they were worked on.
        refused: Messages and values that were refused, or dropped.
        saved: Seconds of work that are saved up; with none left it is filled by the time that has passed.
        dropping: Whether its messages are dropped just now.
        ticket: That of the epoch whose frame came last (`EpochColumns`), so that nobody looks for it; 0 for none.
    """

    __slots__ = ("_filled_at", "bytes", "dropping", "messages", "path", "refused", "saved", "seconds", "ticket")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages = self.bytes = self.refused = 0
        self.seconds = 0.0
        self.dropping = False
        self.ticket = 0
        self.saved = 0.0
        self._filled_at = 0

    def fill(self, at: int, budget: Budget) -> bool:
        """Fill what is empty by the time that has passed since; tell whether it is enough to go on.

        Args:
            at: When the server stored the message that is next, nanoseconds since 1970.
            budget: How fast it is filled, and up to where.
        """
        passed = at - self._filled_at
        if passed < 0:  # the server's clock was set back, or the stream is read again: how long ago nobody knows
            self.saved, passed = budget.most_saved, 0
        saved = self.saved + passed * budget.rate / 1e9
        self.dropping = saved < budget.resumed_at
        if not self.dropping:
            self.saved, self._filled_at = min(budget.most_saved, saved), at
        return not self.dropping


class Accounts:
    """The accounts of all subjects.

    Args:
        subjects: Tells which path publishes where.
        most: How many are remembered; one more, and all begin anew.

    Attributes:
        budget: The working time that each may take.
        by_subject: The accounts; not to be changed.
        overdrawn: The paths that had messages left out since the last `take_overdrawn`.
    """

    def __init__(self, subjects: Subjects, budget: Budget = USUAL_BUDGET, most: int = MOST_SUBJECTS) -> None:
        self.budget = budget
        self.by_subject: dict[str, Account] = {}
        self.overdrawn: set[Path] = set()
        self._subjects = subjects
        self._most = most

    def open(self, subject: str) -> Account:
        """Return the account of a subject, a new one when it was not known.

        Raises:
            PathError: no path publishes there.
        """
        account = self.by_subject.get(subject)
        if account is None:
            _, path = self._subjects.path_of(subject)
            if len(self.by_subject) >= self._most:
                self.by_subject.clear()
            account = self.by_subject[subject] = Account(path)
        return account

    def find(self, subject: str) -> Account | None:
        """As `open`; None where no path publishes: messages there are refused as soon as they are read."""
        try:
            return self.open(subject)
        except PathError:
            return None

    def take_overdrawn(self) -> set[Path]:
        """Return `overdrawn`, and begin it anew."""
        overdrawn, self.overdrawn = self.overdrawn, set()
        return overdrawn

    @property
    def dropping(self) -> list[Account]:
        """The accounts whose messages are dropped just now."""
        return [account for account in self.by_subject.values() if account.dropping]
