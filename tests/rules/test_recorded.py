"""Tests of alerts on series that rules make: a rule that did not make its series says nothing about the fleet."""

from __future__ import annotations

from typing import Final

import msgpack

from fog_aggregator.core.saved import Saved
from fog_aggregator.rules.ports import Circumstances
from fog_aggregator.rules.rule_set import RuleSet
from tests.rules.fake_fleet import FakeFleet
from tests.rules.storing import MINUTE, Samples, load_text

RECORDED: Final = """\
groups:
- name: alerts
  rules: [{alert: Hot, expr: "site:temp > 5"}]
- name: records
  interval: 2m
  rules: [{record: "site:temp", expr: "max by (site) (label_replace(temp, 'x', '', 'place', '.*'))"}]
"""
OF_ALERTS: Final = """\
groups:
- name: alerts
  limit: 1
  rules:
  - {alert: Hot, expr: temp > 5, labels: {severity: page}}
  - {alert: Any, expr: "count(ALERTS{alertname='Hot'})"}
"""


class Recording:
    """Evaluates groups at their intervals; `temp` is 9 all the time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fleet = FakeFleet.of("fog/0/1")
        self.minute = 1
        self.begin(Samples())

    def begin(self, storage: Samples) -> None:
        """Begin with rules and without the series that they made."""
        self.storage, self.set = storage, RuleSet()
        self.set.replace([load_text(self.text)])

    def restart(self) -> None:
        """Go on from a checkpoint."""
        saved = Saved(msgpack.unpackb(msgpack.packb(self.set.image().plain)))
        self.begin(Samples())
        self.set.restore(saved)

    def step(self, *places: str, paused: str = "") -> str:
        """Let a minute pass; return the state of the last rule's alert."""
        self.minute += 1
        at = self.minute * MINUTE
        for place in places or ("a",):
            self.storage.put("temp", at, 9.0, place=place)
        for group in self.set.groups:
            if at % self.set.interval(group.group) == 0:
                group.evaluate(at, self.storage, Circumstances(self.fleet, paused=paused, known_since=0))
            self.set.note(group)
        last = [state for group in self.set.groups for state in group.alerting][-1]
        return "".join("held" if one.is_held else one.state.value for one in last.alerts.values())


def firing() -> Recording:
    """Return rules whose alert on a recorded series fires."""
    rules = Recording(RECORDED)
    assert [rules.step() for _ in range(4)] == ["", "firing", "firing", "firing"]
    return rules


def test_a_series_that_is_not_recorded_yet_resolves_nothing() -> None:
    """After a restart the alert waits for the rule that makes the series."""
    rules = firing()
    rules.restart()
    assert [rules.step() for _ in range(4)] == ["held", "firing", "firing", "firing"]


def test_a_pause_in_which_nothing_is_recorded_resolves_nothing() -> None:
    """The series ended with the pause, and comes back at the next slot of its own rule."""
    rules = firing()
    assert [rules.step(paused=why) for why in ("cut off", "", "", "")] == ["held", "held", "held", "firing"]


def test_a_recording_rule_that_fails_resolves_nothing() -> None:
    """Nor does a reload that leaves the rule as it was make anybody wait."""
    rules = firing()
    rules.text = RECORDED.replace("'x', ''", "'place', ''")
    rules.set.replace([load_text(rules.text)])
    assert {rules.step("a", "b") for _ in range(12)} == {"held"}
    rules = firing()
    rules.set.replace([load_text(rules.text)])
    assert rules.step() == "firing"


def test_the_series_of_held_alerts_go_on() -> None:
    """A rule that reaches its limit still says in `ALERTS` which of its alerts fire."""
    rules = Recording(OF_ALERTS)
    assert rules.step() == "firing"
    assert {rules.step("a", "b") for _ in range(12)} == {"firing"}
