"""Apply messages in slices of time: whatever they cost, others have their turn in between."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from fog_aggregator.core.costs.accounts import MOST_CHARGED, USUAL_BUDGET, Account, Accounts
from fog_bus.ports import Message

SLICE_SECONDS: Final = 0.010
"""How long messages are applied without a pause; the last one may take longer."""
RUN_BYTES: Final = 512 * 1024
"""A run of messages ends with the one that brings it to so many bytes: some milliseconds of work by kernels."""
_MESSAGE_BYTES: Final = 200
"""A message costs as much, beside its bytes, as so many of them."""


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
        return None if self._accounts is None else self._accounts.find(subject)


class Run(NamedTuple):
    """Messages that are worked on together."""

    messages: Sequence[Message]
    senders: Sequence[Account | None]
    """The account of each; None where a subject is no node's."""
    sizes: Sequence[int]
    """How many bytes each has."""

    def part(self, begin: int, end: int) -> Run:
        """Return some of them that follow each other."""
        return Run(self.messages[begin:end], self.senders[begin:end], self.sizes[begin:end])


class Portion:
    """The messages of one slice, worked on in runs: what several cost together they share by their size.

    Args:
        messages: The messages to apply, in order; at least the first one is handed out or left out.
        clock: Seconds that never go back.
        accounts: Where the time is charged.

    Attributes:
        taken: How many messages were worked on or left out.
        left_out: The messages that were left out.
    """

    def __init__(self, messages: Sequence[Message], clock: Callable[[], float], accounts: Accounts) -> None:
        self.taken = 0
        self.left_out: list[Message] = []
        self._messages = messages
        self._clock = clock
        self._accounts = accounts
        self._last = clock()
        self._end = self._last + SLICE_SECONDS

    def ahead(self, most: int) -> Run:
        """Return the next messages, at most so many and up to RUN_BYTES; none once time is over.

        A message that is over its subject's budget is left out.
        """
        senders: list[Account | None] = []
        while not senders and self.taken < len(self._messages) and (self._last < self._end or not self.taken):
            senders = self._senders(self._messages[self.taken : self.taken + most])
        messages = self._messages[self.taken : self.taken + len(senders)]
        sizes = [len(data) for _, data, _, _ in messages]
        if sum(sizes) > RUN_BYTES:
            sizes = sizes[: 1 + bisect_left(list(accumulate(sizes)), RUN_BYTES)]
        return Run(messages[: len(sizes)], senders[: len(sizes)], sizes)

    def done(self, run: Run) -> bool:
        """Charge the next messages for the time since the last call; return whether the slice goes on."""
        now = self._clock()
        took, self._last = now - self._last, now
        self.taken += len(run.messages)
        pace = took / max(1, sum(run.sizes) + _MESSAGE_BYTES * len(run.sizes))
        for account, size in zip(run.senders, run.sizes, strict=True):
            if account is not None:
                seconds = pace * (size + _MESSAGE_BYTES)
                account.messages += 1
                account.bytes += size
                account.seconds += seconds
                account.saved -= seconds if seconds < MOST_CHARGED else MOST_CHARGED  # noqa: FURB136 - as in `Slice`
        return now < self._end

    def _senders(self, messages: Sequence[Message]) -> list[Account | None]:
        """Leave out messages that are over their budgets; return the accounts of those behind, up to the next such."""
        found: list[Account | None] = []
        known, budget = self._accounts.by_subject, self._accounts.budget
        for message in messages:
            account = known.get(message.subject) or self._accounts.find(message.subject)
            if account is not None and account.saved <= 0.0 and not account.fill(message.timestamp_ns, budget):
                if found:
                    break
                self._leave_out(account, message)
            else:
                found.append(account)
        return found

    def _leave_out(self, account: Account, message: Message) -> None:
        account.refused += 1
        self.left_out.append(message)
        self.taken += 1
