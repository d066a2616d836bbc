"""Take turns in telling: of several aggregators one tells the receivers that know no duplicates, the others wait.

The first one among those that are ready tells at once, and says so. Another one tells what nobody has said to be told
within two intervals. So everything is told at least once: twice, with the same key, when words were lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fog_aggregator.notifications.notice import Notice

INTERVALS: Final = 2
"""For how many intervals one waits for another to tell."""
MAX_TOLD: Final = 10_000
"""Alerts that are remembered for each receiver; the ones that were told first are forgotten."""
MAX_IN_WORD: Final = 1_000
MAX_OTHERS: Final = 8
_LONGEST_TEXT: Final = 1_000


class DeliveriesError(ValueError):
    """A message that is no word on what was told; the text says why."""


class Delivered(NamedTuple):
    """The newest state of one alert that a receiver was told, and when, in milliseconds."""

    firing: bool
    at: int


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The word of one aggregator on what it has told receivers.

    Attributes:
        replica: The aggregator, by its id.
        number: How many words it said before: a hole shows that some were lost.
        begins: Forget everything that it said before.
        asks: It has just started, and asks the others for all that they know.
        answers: The id of the one that asked, once all words are said that answer it; or empty.
        delivered: By the names of its receivers, by the fingerprints of alerts.
    """

    replica: str
    number: int
    begins: bool
    asks: bool
    answers: str
    delivered: Mapping[str, Mapping[str, Delivered]]


def encode_deliveries(one: Deliveries) -> bytes:
    """Write a word as JSON."""
    delivered = {
        receiver: {name: list(state) for name, state in states.items()} for receiver, states in one.delivered.items()
    }
    content = {
        "replica": one.replica,
        "number": one.number,
        "begins": one.begins,
        "asks": one.asks,
        "answers": one.answers,
        "delivered": delivered,
    }
    return json.dumps({"deliveries": content}, separators=(",", ":")).encode()


def read_deliveries(content: Any) -> Deliveries:
    """Read a word from its JSON.

    Raises:
        DeliveriesError: It is none.
    """
    try:
        delivered = {
            receiver: {name: Delivered(*state) for name, state in states.items()}
            for receiver, states in content["delivered"].items()
        }
        one = Deliveries(**{**content, "delivered": delivered})
    except (TypeError, KeyError, AttributeError) as error:
        raise DeliveriesError(f"it is no word on deliveries: {error!r}") from None
    states = [(name, state) for several in delivered.values() for name, state in several.items()]
    texts: list[Any] = [one.replica, one.answers, *delivered, *(name for name, _ in states)]
    numbers: list[Any] = [one.number, *(state.at for _, state in states)]
    flags: list[Any] = [one.begins, one.asks, *(state.firing for _, state in states)]
    if (
        not all(isinstance(text, str) and len(text) <= _LONGEST_TEXT for text in texts)
        or not all(type(number) is int and number >= 0 for number in numbers)
        or not all(isinstance(flag, bool) for flag in flags)
        or len(states) > MAX_TOLD
    ):
        raise DeliveriesError("it is no word on deliveries: a field is of another kind, or too long")
    return one


@dataclass(slots=True)
class Others:
    """The other aggregators, as they matter to one receiver, at one moment.

    Attributes:
        delivered: The states that they have told, by fingerprint; whoever makes use of one takes it out.
        go_first: Whether one of them tells before this one does.
    """

    delivered: dict[str, Delivered] = field(default_factory=dict)
    go_first: bool = False

    def patience(self, notice: Notice) -> int:
        """Return for how many milliseconds a notice that is due waits for them."""
        return INTERVALS * notice.interval if self.go_first else 0


@dataclass(slots=True)
class _Other:
    """Another aggregator: the number of its last word, and its receivers."""

    number: int
    receivers: frozenset[str]


class DeliveryOrder:
    """The deliveries of this aggregator and of the others. Belongs to the event loop.

    Args:
        replica: The id of this one.
        is_ready: Tells whether an aggregator, by its id, is ready, and was heard of late.

    Attributes:
        on_news: Called when there is something to say.
    """

    def __init__(self, replica: str, is_ready: Callable[[str], bool]) -> None:
        self.replica = replica
        self.on_news: Callable[[], None] = lambda: None
        self._is_ready = is_ready
        self._delivered: dict[str, dict[str, Delivered]] = {}
        self._news: list[tuple[str, str]] = []
        self._by_others: dict[str, dict[str, Delivered]] = {}
        self._others: dict[str, _Other] = {}
        self._number = 0

    def join(self, receivers: Iterable[str]) -> None:
        """Name the receivers that one of the aggregators tells."""
        self._delivered = {name: {} for name in receivers}
        self._by_others = {name: {} for name in self._delivered}

    def tell(self, receiver: str, notices: Iterable[Notice], now: int) -> None:
        """Take note that this one has told a receiver of alerts."""
        for notice in notices:
            _remember(self._delivered[receiver], notice.fingerprint, Delivered(notice.firing, now))
            self._by_others[receiver].pop(notice.fingerprint, None)
            self._news.append((receiver, notice.fingerprint))
        self.on_news()

    def hear(self, word: Deliveries, now: int) -> None:
        """Take the word of another aggregator; what it said before is forgotten when words of it were lost."""
        if word.replica == self.replica:
            return
        known = self._others.pop(word.replica, None)
        if known is not None and (word.begins or word.number != known.number + 1):
            self._by_others = {name: {} for name in self._by_others}
        self._others[word.replica] = _Other(word.number, frozenset(word.delivered))
        if len(self._others) > MAX_OTHERS:
            del self._others[next(iter(self._others))]
        for receiver in self._by_others.keys() & word.delivered.keys():
            for name, delivered in word.delivered[receiver].items():
                before = self._by_others[receiver].get(name)
                if before is None or delivered.at >= before.at:
                    _remember(self._by_others[receiver], name, Delivered(delivered.firing, min(delivered.at, now)))

    def others(self, receiver: str) -> Others:
        """Return what the others mean for a receiver. One that is not ready itself waits for any that is."""
        ready = self._is_ready(self.replica)
        first = any(
            receiver in other.receivers and (name < self.replica or not ready) and self._is_ready(name)
            for name, other in self._others.items()
        )
        return Others(self._by_others[receiver], first)

    def news(self) -> Iterator[Deliveries]:
        """Write what was told since the last time, in words that are not too long."""
        pairs, self._news = list(dict.fromkeys(self._news)), []
        return self._words([(receiver, name) for receiver, name in pairs if name in self._delivered[receiver]])

    def everything(self, *, asks: bool = False, answers: str = "") -> Iterator[Deliveries]:
        """Write all that was told: the first word begins anew, the last one asks, or is the end of an answer."""
        pairs = [(receiver, name) for receiver, states in self._delivered.items() for name in states]
        return self._words(pairs, begins=True, asks=asks, answers=answers)

    def _words(
        self, pairs: Sequence[tuple[str, str]], *, begins: bool = False, asks: bool = False, answers: str = ""
    ) -> Iterator[Deliveries]:
        starts = range(0, max(len(pairs), begins), MAX_IN_WORD)
        for start in starts:
            delivered: dict[str, dict[str, Delivered]] = {name: {} for name in self._delivered}
            for receiver, name in pairs[start : start + MAX_IN_WORD]:
                delivered[receiver][name] = self._delivered[receiver][name]
            self._number += 1
            last = start == starts[-1]
            yield Deliveries(self.replica, self._number, begins and not start, asks and last, answers * last, delivered)


def _remember(states: dict[str, Delivered], name: str, delivered: Delivered) -> None:
    states.pop(name, None)
    states[name] = delivered
    if len(states) > MAX_TOLD:
        del states[next(iter(states))]
