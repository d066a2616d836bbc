"""Agree with another aggregator of the same fleet: an alert is over when both say so, and firing wins.

Each says after every evaluation of a group which of its alerts fire. Silence, or the word that it is not ready, is no
objection: a dead aggregator keeps no alert.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from fog_aggregator.notifications.notice import fingerprint
from fog_aggregator.promql.labels import Labels

INTERVALS: Final = 3
"""One that was not heard for so many intervals has no say."""
MAX_ALERTS: Final = 20_000
"""Alerts of one message; a group with more says that there are more, and then all that it knew stay."""
MAX_PARTNERS: Final = 8
MAX_GROUPS: Final = 1_000


class VerdictsError(ValueError):
    """A message that is no word of another aggregator; the text says why."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The word of one aggregator on one group.

    Attributes:
        replica: The aggregator, by a random id.
        group: The group's name.
        at: The time of the evaluation, milliseconds.
        interval: The milliseconds between two evaluations.
        ready: Whether its numbers are complete.
        firing: The fingerprints of the alerts that it sees fire.
        more: There were too many to list.
    """

    replica: str
    group: str
    at: int
    interval: int
    ready: bool
    firing: frozenset[str]
    more: bool = False


def name_of(labels: Labels) -> str:
    """Name an alert by its labels, as receivers do."""
    return f"{fingerprint(labels):016x}"


def verdicts(replica: str, group: str, at: int, interval: int, firing: Iterable[str], *, ready: bool) -> Verdicts:
    """Say which alerts fire, as far as they fit."""
    names = sorted(firing)
    return Verdicts(replica, group, at, interval, ready, frozenset(names[:MAX_ALERTS]), len(names) > MAX_ALERTS)


def encode(one: Verdicts) -> bytes:
    """Write a word as JSON."""
    content = {
        "replica": one.replica,
        "group": one.group,
        "at": one.at,
        "interval": one.interval,
        "ready": one.ready,
        "firing": sorted(one.firing),
        "more": one.more,
    }
    return json.dumps({"verdicts": content}, separators=(",", ":")).encode()


def decode(data: bytes) -> Verdicts:
    """Read a word.

    Raises:
        VerdictsError: It is none.
    """
    try:
        content = json.loads(data)["verdicts"]
        one = Verdicts(**{**content, "firing": frozenset(content["firing"])})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise VerdictsError(f"it is no word on alerts: {error!r}") from None
    _check(one)
    return one


def _check(one: Verdicts) -> None:
    texts: list[Any] = [one.replica, one.group, *one.firing]
    if not all(isinstance(text, str) and len(text) <= 1_000 for text in texts):
        raise VerdictsError("it is no word on alerts: a text is none, or is too long")
    numbers = (one.at, one.interval)
    if not all(type(number) is int and number >= 0 for number in numbers) or len(one.firing) > MAX_ALERTS:
        raise VerdictsError("it is no word on alerts: a number is none, or there are too many alerts")


@dataclass(slots=True)
class Pair:
    """The words of the other aggregators.

    Attributes:
        replica: The id of this one; its own words are not heard.
    """

    replica: str
    _words: dict[tuple[str, str], Verdicts] = field(default_factory=dict)

    def hear(self, one: Verdicts) -> None:
        """Take a word; of many aggregators or groups, the ones that were heard last are remembered."""
        if one.replica == self.replica:
            return
        key = (one.replica, one.group)
        if key in self._words and one.at < self._words[key].at:
            return
        self._words.pop(key, None)
        self._words[key] = one
        if len(self._words) > MAX_PARTNERS * MAX_GROUPS:
            del self._words[next(iter(self._words))]

    def still_fires(self, group: str, labels: Labels, at: int) -> bool:
        """Tell whether another aggregator sees an alert fire that was false here at a time."""
        for one in self._words.values():
            has_a_say = one.group == group and one.ready and at - one.at <= INTERVALS * one.interval
            if has_a_say and (one.more or name_of(labels) in one.firing):
                return True
        return False
