"""Name what the evaluation of rules asks of the service around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fog_aggregator.notifications.notice import Notice
from fog_schema.paths import Path


class Notifier(Protocol):
    """Tells receivers of alerts. Belongs to the event loop."""

    def begin(self) -> None:
        """Begin to tell: all that is known at the start was handed over."""

    def submit(self, notices: Sequence[Notice], at: int) -> None:
        """Take alerts that fire or have resolved; `at` is the server's time in milliseconds."""


class Conditions(Protocol):
    """The state of the service, as far as verdicts depend on it. Called on the event loop."""

    def paused(self) -> str:
        """Say why nothing can be said about the fleet now; empty when something can."""

    def now(self) -> int:
        """Return the time in milliseconds that evaluations are of: the server's, or the machine's while it is away."""

    def known_since(self) -> int | None:
        """Return the time in milliseconds from which on the fleet's numbers are known; None when none are."""

    def silent_branches(self) -> tuple[Path, ...]:
        """Return the paths under which everything is silent. Any thread may ask: it may take a while."""
