"""Rules that are evaluated minute by minute, with a fleet and a receiver beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgpack

from fog_aggregator.core.saved import Saved
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.rules.alert import Alert
from fog_aggregator.rules.alerts.pair import Verdicts, View
from fog_aggregator.rules.ports import Circumstances, Surroundings
from fog_aggregator.rules.rule_set import RuleSet
from tests.rules.fake_fleet import FakeFleet
from tests.rules.storing import MINUTE, Samples, load_text

RULE: Final = """\
groups:
- name: g
  rules:
  - alert: Hot
    expr: temp > 5
    for: FOR
    keep_firing_for: KEEP
    annotations: {summary: hot, fog_on_silence: MEANS}
"""
NODES: Final = ("fog/0/1", "fog/0/2")


class Watch:
    """Evaluates rules minute by minute, with a fleet and a receiver beside; a name has one value in each minute."""

    def __init__(self, rules: str = RULE, *, hold: str = "0s", keep: str = "0s", means: str = "hold") -> None:
        self.text = rules.replace("FOR", hold).replace("KEEP", keep).replace("MEANS", means)
        self.fleet = FakeFleet.of(*NODES)
        self.storage = Samples()
        self.around = Surroundings(external_url="http://fog")
        self.set = RuleSet(self.around)
        self.set.replace([load_text(self.text)])
        self.minute = -1
        self.heard: list[Notice] = []
        self.others = View()

    def step(self, value: float | None = None, **conditions: object) -> Alert | None:
        """Let a minute pass in which `temp` has a value, or none; return the alert."""
        self.minute += 1
        at = self.minute * MINUTE
        self.others = replace(self.others, at=at)
        self.storage.series.clear()  # no lookback: a name without a value is not there
        if value is not None:
            self.storage.put("temp", at, value)
        for group in self.set.groups:
            group.evaluate(at, self.storage, Circumstances(**self._around(conditions)))  # type: ignore[arg-type]
        self.heard = self.tell()
        return self.alert

    def _around(self, conditions: dict[str, object]) -> dict[str, object]:
        return {"coverage": self.fleet, "others": self.others, **conditions}

    def hears(self, **word: object) -> None:
        """Hear another aggregator say something of the alert."""
        known = Verdicts("b", self.others.group, self.minute * MINUTE, MINUTE, ready=True, firing=frozenset())
        self.others.pair.hear(replace(known, **word))  # type: ignore[arg-type]

    def tell(self, *, again: bool = False) -> list[Notice]:
        """Take what is due."""
        at = max(self.minute, 0) * MINUTE
        telling = self.set.telling(at, at, MINUTE, again=again)
        notices = [one for group in self.set.groups for one in self.set.take_notices(group, telling, self.others)]
        for group in self.set.groups:
            self.set.note(group)
        return notices

    def restart(self, rules: str | None = None) -> None:
        """Go on in another process, from the bytes of a checkpoint."""
        plain = msgpack.unpackb(msgpack.packb(self.set.image().plain))
        self.set = RuleSet(self.around)
        self.set.replace([load_text(self.text if rules is None else rules)])
        self.set.restore(Saved(plain))

    @property
    def alert(self) -> Alert | None:
        """The one alert there is."""
        alerts = [alert for group in self.set.groups for state in group.alerting for alert in state.alerts.values()]
        assert len(alerts) <= 1
        return alerts[0] if alerts else None

    @property
    def state(self) -> str:
        """The state of the alert."""
        alert = self.alert
        return "" if alert is None else "held" if alert.is_held else alert.state.value
