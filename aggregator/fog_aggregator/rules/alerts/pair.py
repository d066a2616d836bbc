"""Agree with another aggregator of the same fleet: an alert is over when both say so, and firing wins.

Each says after every evaluation of a group which of its alerts fire. Silence, or the word that it is not ready, is no
objection: a dead aggregator keeps no alert.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
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
        firing: The fingerprints of the alerts that it sees to be true.
        unable: The names of the alerts that it cannot judge.
        more: There were too many to list.
    """

    replica: str
    group: str
    at: int
    interval: int
    ready: bool
    firing: frozenset[str]
    unable: frozenset[str] = frozenset()
    more: bool = False


def name_of(labels: Labels) -> str:
    """Name an alert by its labels, as receivers do."""
    return f"{fingerprint(labels):016x}"


def limited(one: Verdicts) -> Verdicts:
    """Leave out the alerts that are too many."""
    if len(one.firing) <= MAX_ALERTS:
        return one
    return replace(one, firing=frozenset(sorted(one.firing)[:MAX_ALERTS]), more=True)


def encode(one: Verdicts) -> bytes:
    """Write a word as JSON."""
    content = {
        "replica": one.replica,
        "group": one.group,
        "at": one.at,
        "interval": one.interval,
        "ready": one.ready,
        "firing": sorted(one.firing),
        "unable": sorted(one.unable),
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
        one = Verdicts(**{**content, **{name: frozenset(content[name]) for name in ("firing", "unable")}})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise VerdictsError(f"it is no word on alerts: {error!r}") from None
    _check(one)
    return one


def _check(one: Verdicts) -> None:
    texts: list[Any] = [one.replica, one.group, *one.firing, *one.unable]
    if not all(isinstance(text, str) and len(text) <= 1_000 for text in texts):
        raise VerdictsError("it is no word on alerts: a text is none, or is too long")
    numbers = (one.at, one.interval)
    many = max(len(one.firing), len(one.unable)) > MAX_ALERTS
    if many or not all(type(number) is int and number >= 0 for number in numbers):
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

    def judges(self, group: str, alert: str, at: int) -> bool:
        """Tell whether another aggregator gives verdicts on the alerts of a name at a time."""
        return any(self._has_a_say(one, group, at) and alert not in one.unable for one in self._words.values())

    def still_fires(self, group: str, labels: Labels, at: int) -> bool:
        """Tell whether another aggregator sees an alert fire that was false here at a time."""
        words = [one for one in self._words.values() if self._has_a_say(one, group, at)]
        return any(one.more or name_of(labels) in one.firing for one in words)

    def _has_a_say(self, one: Verdicts, group: str, at: int) -> bool:
        return one.group == group and one.ready and at - one.at <= INTERVALS * one.interval
