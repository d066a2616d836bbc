"""Leave out the rules of alerts that do not lie, one at a time: each must be caught by a history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from fog_aggregator.core.places.expected import Expected
from fog_aggregator.notifications import outbox
from fog_aggregator.notifications.outbox import Outbox
from fog_aggregator.rules.alert import doubted
from fog_aggregator.rules.alerts import alerting, following, notices
from fog_aggregator.rules.alerts.alerting import AlertingState
from fog_aggregator.rules.alerts.flapping import Flapping
from fog_aggregator.rules.alerts.following import Following
from fog_aggregator.rules.alerts.lateness import Lateness
from fog_aggregator.rules.alerts.pair import View
from fog_aggregator.rules.rule_set import RuleSet
from fog_aggregator.rules.verdicts import judge
from fog_aggregator.rules.verdicts.coverage import Behind, Fate, Silence
from fog_aggregator.rules.verdicts.judge import Judge
from fog_aggregator.rules.verdicts.truth import Truth
from fog_schema.paths import Path

Patch = Callable[[], Any]


def _nobody(*_: Any) -> Silence:
    return Silence(0, 0)


def _wiped(state: AlertingState, at: int, why: str, since: int | None = None) -> None:
    if why.startswith("its rule fails"):
        state.alerts = {}
    else:
        _SUSPEND(state, at, why, since)


_SUBMIT: Final = Outbox.submit
_SUSPEND: Final = AlertingState._suspend  # noqa: SLF001 - mutations reach in
_FOLLOW: Final = Following.follow


def _wiped_at_the_limit(self: Following, known: Any, found: Any) -> Any:
    alerts, over = _FOLLOW(self, known, found)
    return ({}, over) if over else (alerts, over)


def _ended_are_silent(behind: Behind, scopes: Any, coverage: Any) -> Silence:
    del scopes
    return Silence(sum(coverage.fate(path) is not Fate.LIVE for path in behind.nodes or ()), behind.count)


def _all_missing(self: Expected, known: Any, counted: Any) -> Any:
    del known, counted
    return [(path, 1) for path in self.paths]


def _counts_alone(self: Expected, known: Any, counted: Any) -> Any:
    del known
    return [(under, count) for under, all_of in self.counts.items() if (count := all_of - counted[under]) > 0]


def _dropped(self: Outbox, now: int) -> None:
    for owed in self._owed.values():
        owed.delivered, owed.delivered_at = owed.notice.key, now


def _first_come(self: Outbox, notices: Any, now: int) -> None:
    owed = self._owed
    waits = {name for name, one in owed.items() if one.is_news}
    _SUBMIT(self, [notice for notice in notices if notice.fingerprint not in waits], now)


def _running_clock(alert: Any, at: int, passed: int, why: str, **rest: Any) -> Any:
    del passed
    return doubted(alert, at, 0, why, **rest)


def _share_of_all(self: Lateness, path: Path) -> float:
    del path
    return max((self._shares("") or {}).values(), default=0.0)


@contextmanager
def _both(one: Any, other: Any, name: str, value: Any) -> Iterator[None]:
    with mock.patch.object(one, name, value), mock.patch.object(other, name, value):
        yield


MUTATIONS: Final[dict[str, Patch]] = {
    "1: what is missing is false": lambda: mock.patch.object(
        Judge, "missing", return_value=(Truth.FALSE, Silence(0, 0))
    ),
    "2: nobody who stood behind it is missed": lambda: mock.patch.object(judge, "silence_behind", _nobody),
    "2: little is true whoever is silent": lambda: mock.patch.object(
        Judge, "present", return_value=(Truth.TRUE, Silence(0, 0))
    ),
    "2: the clock of for runs on in doubt": lambda: _both(following, alerting, "doubted", _running_clock),
    "3: nothing says why": lambda: _both(following, alerting, "ended_by", lambda *_: ""),
    "3: ended nodes are silent": lambda: mock.patch.object(judge, "silence_behind", _ended_are_silent),
    "4: verdicts at any time": lambda: mock.patch.object(AlertingState, "paused", return_value=""),
    "5: nothing is restored": lambda: mock.patch.object(RuleSet, "restore", return_value=None),
    "5: rules leave in silence": lambda: mock.patch.object(RuleSet, "take_removed", return_value=[]),
    "6: receivers wait four minutes": lambda: mock.patch.object(notices, "SHORTEST_END", 0),
    "7: errors take alerts away": lambda: mock.patch.object(AlertingState, "_suspend", _wiped),
    "7: the limit takes alerts away": lambda: mock.patch.object(Following, "follow", _wiped_at_the_limit),
    "8: each resolves alone": lambda: mock.patch.object(View, "still_fires", return_value=False),
    "8: an end is nobody else's": lambda: mock.patch.object(View, "end", return_value=None),
    "8: what has resolved is told again blindly": lambda: mock.patch.object(
        notices, "_may_resolve", lambda _, alert, others: not others.still_fires(alert.labels)
    ),
    "9: nothing is suppressed": lambda: mock.patch.object(Following, "_silent_branch", return_value=""),
    "10: nobody is expected": lambda: mock.patch.object(Expected, "missing", return_value=[]),
    "10: whoever was heard is missing too": lambda: mock.patch.object(Expected, "missing", _all_missing),
    "10: a count hides the nodes that are named": lambda: mock.patch.object(Expected, "missing", _counts_alone),
    "11: flapping alerts flap": lambda: mock.patch.object(
        Flapping, "fire", lambda self, at: Flapping((*self.fired, at)[-3:])
    ),
    "12: late values fire at once": lambda: mock.patch.object(Lateness, "words", return_value=""),
    "12: late values of others count": lambda: mock.patch.object(Lateness, "_share", _share_of_all),
    "13: a message that failed is dropped": lambda: mock.patch.object(Outbox, "failed", _dropped),
    "13: the first state stays until it is told": lambda: mock.patch.object(Outbox, "submit", _first_come),
    "13: after a restart nobody is owed anything": lambda: mock.patch.object(Outbox, "restore", return_value=None),
    "13: a failure ends all attempts": lambda: mock.patch.object(outbox, "LONGEST_PAUSE", 24 * 3_600_000_000),
}
"""By the number of the rule and what is left out: what does so."""
