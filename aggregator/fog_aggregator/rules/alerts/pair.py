"""Agree with another aggregator of the same fleet: an alert is over when both say so, and firing wins.

Each says after every evaluation of a group which of its alerts it sees to be true, which ones it holds because it
cannot judge them, and which ones ended, and why. Silence, or the word that it is not ready, is no objection: a dead
aggregator keeps no alert. An end that one has seen ends the alert also where it could not be judged meanwhile: else one
would say "resolved" and the other "firing" in turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from fog_aggregator.notifications.deliveries import Deliveries, read_deliveries
from fog_aggregator.notifications.notice import fingerprint
from fog_aggregator.promql.labels import Labels

INTERVALS: Final = 3
"""One that was not heard for so many intervals has no say."""
MAX_ALERTS: Final = 20_000
"""Alerts of one message; a group with more says that there are more, and then all that it knew stay."""
LONGEST_INTERVAL: Final = 86_400_000
"""Whatever interval a word names, it counts for three days at most."""
MAX_PARTNERS: Final = 8
MAX_GROUPS: Final = 1_000


class VerdictsError(ValueError):
    """A message that is no word of another aggregator; the text says why."""


class End(NamedTuple):
    """The end of an alert: when it resolved, milliseconds, and what ended it; empty when it was seen to be false."""

    at: int
    why: str


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
        doubted: The fingerprints of the alerts that fire there, and that it cannot judge.
        ended: The alerts that resolved of late, by their fingerprints.
    """

    replica: str
    group: str
    at: int
    interval: int
    ready: bool
    firing: frozenset[str]
    unable: frozenset[str] = frozenset()
    more: bool = False
    doubted: frozenset[str] = frozenset()
    ended: Mapping[str, End] = field(default_factory=dict)


def name_of(labels: Labels) -> str:
    """Name an alert by its labels, as receivers do."""
    return f"{fingerprint(labels):016x}"


def limited(one: Verdicts) -> Verdicts:
    """Leave out the alerts that are too many; of those that ended, the ones that ended first."""
    doubted = frozenset(sorted(one.doubted)[:MAX_ALERTS])
    ended = dict(sorted(one.ended.items(), key=lambda item: item[1].at)[-MAX_ALERTS:])
    more = len(one.firing) > MAX_ALERTS
    return replace(one, firing=frozenset(sorted(one.firing)[:MAX_ALERTS]), more=more, doubted=doubted, ended=ended)


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
        "doubted": sorted(one.doubted),
        "ended": {name: list(end) for name, end in sorted(one.ended.items())},
    }
    return json.dumps({"verdicts": content}, separators=(",", ":")).encode()


def decode(data: bytes) -> Verdicts | Deliveries:
    """Read a word: on alerts, or on what receivers were told of them.

    Raises:
        VerdictsError: It is none.
    """
    try:
        match json.loads(data):
            case {"deliveries": content}:
                return read_deliveries(content)
            case {"verdicts": content}:
                return _read_verdicts(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise VerdictsError(f"it is no word on alerts: {error!r}") from None
    raise VerdictsError("it is no word on alerts")


def _read_verdicts(content: Any) -> Verdicts:
    names = {name: frozenset(content[name]) for name in ("firing", "unable", "doubted")}
    ended = {name: End(*end) for name, end in content["ended"].items()}
    one = Verdicts(**{**content, **names, "ended": ended})
    _check(one)
    return one


def _check(one: Verdicts) -> None:
    whys = [end.why for end in one.ended.values()]
    texts: list[Any] = [one.replica, one.group, *one.firing, *one.unable, *one.doubted, *one.ended, *whys]
    if not all(isinstance(text, str) and len(text) <= 1_000 for text in texts):
        raise VerdictsError("it is no word on alerts: a text is none, or is too long")
    numbers = (one.at, one.interval, *(end.at for end in one.ended.values()))
    many = max(map(len, (one.firing, one.unable, one.doubted, one.ended))) > MAX_ALERTS
    if many or not all(type(number) is int and number >= 0 for number in numbers):
        raise VerdictsError("it is no word on alerts: a number is none, or there are too many alerts")


@dataclass(slots=True)
class Pair:
    """The words of the other aggregators.

    Attributes:
        replica: The id of this one; its own words are not heard.
        ready: Whether this one is ready.
    """

    replica: str
    ready: bool = False
    _words: dict[tuple[str, str], Verdicts] = field(default_factory=dict)

    def hear(self, one: Verdicts, now: int | None = None) -> bool:
        """Take a word; of many aggregators or groups, the ones that were heard last are remembered.

        Args:
            one: The word.
            now: The time here, milliseconds; by default that of the word.

        Returns:
            False when the word is of another time than ours: the clock of one of the two is wrong, and it has no say.
        """
        now = one.at if now is None else now
        if one.replica == self.replica:
            return True
        if not _is_of(one, now):
            return False
        key = (one.replica, one.group)
        known = self._words.get(key)
        if known is not None and one.at < known.at and _is_of(known, now):
            return True
        self._words.pop(key, None)
        self._words[key] = one
        if len(self._words) > MAX_PARTNERS * MAX_GROUPS:
            del self._words[next(iter(self._words))]
        return True

    def is_ready(self, replica: str, at: int) -> bool:
        """Tell whether the newest word of an aggregator, on any group, says that it is ready, and is not too old."""
        if replica == self.replica:
            return self.ready
        words = [one for one in list(self._words.values()) if one.replica == replica and _is_of(one, at)]
        return bool(words) and max(words, key=lambda one: one.at).ready

    def others(self) -> list[Verdicts]:
        """Return the newest word of each other aggregator, however old, the newest first."""
        newest: dict[str, Verdicts] = {}
        for one in sorted(self._words.values(), key=lambda one: one.at):
            newest[one.replica] = one
        return sorted(newest.values(), key=lambda one: -one.at)

    def words_on(self, group: str, at: int) -> Iterator[Verdicts]:
        """List the words on a group that are of about a time. Any thread may ask."""
        words = list(self._words.values())
        return (one for one in words if one.group == group and _is_of(one, at))


def _is_of(one: Verdicts, at: int) -> bool:
    """Tell whether a word is of about a time; one of later is of a wrong clock, or ours was set back since."""
    return abs(at - one.at) <= INTERVALS * min(one.interval, LONGEST_INTERVAL)


@dataclass(frozen=True, slots=True)
class View:
    """The words of the other aggregators on one group at one time; without any, this one is alone.

    Attributes:
        pair: All their words.
        group: The group's name.
        at: The time in milliseconds.
    """

    pair: Pair = field(default_factory=lambda: Pair(""))
    group: str = ""
    at: int = 0

    def judges(self, alert: str) -> bool:
        """Tell whether another aggregator gives verdicts on the alerts of a name."""
        return self.judged_at(alert) is not None

    def judged_at(self, alert: str) -> int | None:
        """Return when another aggregator last gave verdicts on the alerts of a name; None when none does."""
        return max((one.at for one in self._lately() if one.ready and alert not in one.unable), default=None)

    def still_fires(self, labels: Labels) -> bool:
        """Tell whether another aggregator sees an alert fire that was false here."""
        return any(one.ready and (one.more or name_of(labels) in one.firing) for one in self._lately())

    def still_told(self, labels: Labels) -> bool:
        """Tell whether another aggregator says that an alert fires, be it seen or held."""
        name = name_of(labels)
        return any(one.more or name in one.firing or name in one.doubted for one in self._lately())

    def end(self, labels: Labels) -> End | None:
        """Return the newest end of an alert in another aggregator."""
        name = name_of(labels)
        return max((one.ended[name] for one in self._lately() if name in one.ended), default=None)

    def _lately(self) -> Iterator[Verdicts]:
        return self.pair.words_on(self.group, self.at)
