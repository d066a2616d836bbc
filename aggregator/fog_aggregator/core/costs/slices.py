"""Apply messages in slices of time: whatever they cost, others have their turn in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fog_aggregator.core.costs.accounts import MOST_CHARGED, USUAL_BUDGET, Account, Accounts
from fog_bus.ports import Message
from fog_schema.errors import PathError

SLICE_SECONDS: Final = 0.010
"""How long messages are applied without a pause; the last one may take longer."""


class Slice:
    """The messages of one slice: an iterator that ends when the time is over, and leaves out what is over its budget.

    Args:
        messages: The messages to apply, in order; at least the first one is handed out or left out.
        clock: Seconds that never go back.
        accounts: Where the time is charged; None to charge nobody.

    Attributes:
        taken: How many messages were handed out or left out.
        left_out: The messages that were left out.
    """

    def __init__(
        self, messages: Sequence[Message], clock: Callable[[], float], accounts: Accounts | None = None
    ) -> None:
        self.taken = 0
        self.left_out: list[Message] = []
        self._messages = messages
        self._clock = clock
        self._accounts = accounts

    def __iter__(self) -> Iterator[Message]:
        """Hand out messages; whoever asks for the next one is done with the one before."""
        clock, accounts = self._clock, self._accounts
        known, budget = ({}, USUAL_BUDGET) if accounts is None else (accounts.by_subject, accounts.budget)
        last = clock()
        end = last + SLICE_SECONDS
        for message in self._messages:
            self.taken += 1
            account = known.get(message.subject) or self._open(message.subject)
            if account is not None and account.saved <= 0.0 and not account.fill(message.timestamp_ns, budget):
                account.refused += 1
                self.left_out.append(message)
                continue
            yield message
            now = clock()
            took, last = now - last, now
            if account is not None:  # charged here, by no call: that would cost as much as all else in a slice
                account.messages += 1
                account.bytes += len(message.data)
                account.seconds += took
                account.saved -= took if took < MOST_CHARGED else MOST_CHARGED  # noqa: FURB136 - as above
            if now >= end:
                return

    def _open(self, subject: str) -> Account | None:
        if self._accounts is None:
            return None
        try:
            return self._accounts.open(subject)
        except PathError:  # it is refused as soon as it is read
            return None
