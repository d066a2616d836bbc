"""An aggregator: the rules of the product over what it has seen, with restarts, outages and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgpack
import numpy as np

from fog_aggregator.core.saved import Saved
from fog_aggregator.notifications.alertmanager import AlertmanagerOutbox
from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.labels import NAME, Labels, label
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.promql.memory import MemoryStorage
from fog_aggregator.promql.query import instant_query
from fog_aggregator.promql.storage import STALE
from fog_aggregator.rules.alerts.pair import Pair, Verdicts, View
from fog_aggregator.rules.evaluate import vector_of
from fog_aggregator.rules.load import load
from fog_aggregator.rules.ports import Circumstances, Sample
from fog_aggregator.rules.rule_set import RuleSet, verdicts
from fog_aggregator.rules.templates import Vector
from fog_proving.alerts.fleet import MINUTE, Seen, SeenCoverage
from fog_proving.alerts.receiver import Receiver

RULES: Final = """\
groups:
- name: g
  limit: 8
  rules:
  - {alert: NodeHot, expr: 'temp{fog_level="2"} > 5'}
  - {alert: GroupHot, expr: 'temp{fog_level="1"} > 20', for: 2m}
  - {alert: GroupCold, expr: 'temp{fog_level="1"} < 6'}
  - {alert: Failing, expr: 'increase(errors{fog_level="1"}[3m]) > 30'}
- name: nodes
  rules:
  - {alert: BranchSilent, expr: 'fog_aggregator_silent{fog_kind="subtree"} > 0', for: 2m}
  - {alert: NodesMissing, expr: 'fog_aggregator_nodes{state="missing"} > 0', for: 5m}
  - {alert: NodeSilent, expr: 'fog_aggregator_silent{fog_kind="node"} > 0', for: 4m}
"""
FEWER_RULES: Final = "\n".join(line for line in RULES.splitlines() if "GroupHot" not in line)
_KEPT: Final = 10
"""Minutes of samples."""


@dataclass
class Samples:
    """The samples of the last minutes; `failing` names a metric that cannot be read."""

    minutes: dict[int, Mapping[Labels, float]] = field(default_factory=dict)
    failing: str = ""
    _storage: MemoryStorage | None = None

    def put(self, minute: int, values: Mapping[Labels, float]) -> None:
        """Store a minute."""
        self.minutes[minute] = values
        for old in [one for one in self.minutes if one <= minute - _KEPT]:
            del self.minutes[old]
        self._storage = None

    def query(self, expression: str | Expression, at: int) -> Vector:
        """Evaluate."""
        if self.failing and self.failing in repr(expression):
            raise EvaluationError("it takes too long")
        return vector_of(instant_query(expression, self._made(), at))

    def write(self, samples: Sequence[Sample]) -> str:
        """Take the series of rules, which no rule here reads."""
        del samples
        return ""

    def _made(self) -> MemoryStorage:
        if self._storage is None:
            series = {labels for values in self.minutes.values() for labels in values}
            times = sorted(self.minutes)
            columns = {}
            for labels in series:
                own = [self.minutes[minute].get(labels, STALE) for minute in times]
                columns[labels] = (np.array(times, np.int64) * MINUTE, np.array(own, np.float64))
            self._storage = MemoryStorage(columns)
        return self._storage


@dataclass
class Replica:
    """One aggregator.

    Attributes:
        name: Its id.
        rules: The text of its rule file.
        back_at: The minute in which it runs again; it runs since then.
        ready_at: The minute from which on its numbers are complete.
        cut_off_until: The minute in which it reads again.
        lags: It sees everything a minute late.
        samples: The numbers that it has read.
        checkpoint: The state that it goes on from.
        set: Its rules with their states.
        pair: The words of the other aggregator.
        seen: Its newest view of the fleet.
        outbox: The notices that the receiver is owed.
    """

    name: str
    rules: str = RULES
    back_at: int = 0
    ready_at: int = 0
    cut_off_until: int = 0
    lags: bool = False
    samples: Samples = field(default_factory=Samples)
    checkpoint: tuple[Saved, list[Any]] | None = None
    set: RuleSet = field(init=False)
    pair: Pair = field(init=False)
    seen: Seen | None = None
    outbox: AlertmanagerOutbox = field(init=False)

    def __post_init__(self) -> None:
        self.pair = Pair(self.name)
        self._load()

    def _load(self) -> None:
        self.set, self.outbox = RuleSet(), AlertmanagerOutbox("receiver")
        self.set.replace([load(self.rules.encode(), "rules.yml")])

    def crash(self, now: int, away: int, ready_after: int) -> None:
        """Die; come back after some minutes, and be ready some minutes later."""
        self.back_at, self.ready_at = now + away, now + away + ready_after
        self.checkpoint = self.set.image(), self.outbox.records()
        self.seen = None

    def restart(self, now: int, answers: Sequence[Verdicts]) -> None:
        """Go on from the checkpoint, once another aggregator, if one runs, has answered with all its words."""
        self.pair = Pair(self.name)
        self._load()
        if self.checkpoint is not None:
            rules, records = self.checkpoint
            self.set.restore(rules)
            self.outbox.restore(msgpack.unpackb(msgpack.packb(records)))
        self.seen = None
        self.outbox.submit(self.set.take_removed(now * MINUTE), now * MINUTE)
        for word in answers:
            self.pair.hear(word)
        for group in self.set.groups:
            group.resume(now * MINUTE, View(self.pair, group.group.name, now * MINUTE))
        self._tell(now, again=True)

    def reload(self, now: int, rules: str) -> None:
        """Swap the rules."""
        self.rules = rules
        self.set.replace([load(rules.encode(), "rules.yml")])
        self.outbox.submit(self.set.take_removed(now * MINUTE), now * MINUTE)

    def paused(self, now: int) -> str:
        """Say why no verdict can be given."""
        if now < self.ready_at:
            return "not ready"
        return "cut off" if now < self.cut_off_until else ""

    def read(self, now: int, log: Mapping[int, Seen]) -> None:
        """Read all that there is, minute by minute; when it is not ready yet, half of it is there."""
        if now < self.cut_off_until:
            return
        newest = now - 1 if self.lags and now - 1 in log else now
        for minute in range(max(0, newest - _KEPT), newest + 1):
            if minute in log:
                self.samples.put(minute, log[minute].values)
        self.seen = log[newest]
        if now < self.ready_at:
            partial = {one: value for one, value in self.seen.values.items() if label(one, NAME) != "temp"}
            self.samples.put(newest, partial)
            self.seen = replace(self.seen, values=partial)

    def evaluate(self, now: int) -> list[Verdicts]:
        """Evaluate all groups; return the words for the other aggregator."""
        paused, seen = self.paused(now), self.seen
        if seen is None:
            return []
        for group in self.set.groups:
            others = View(self.pair, group.group.name, now * MINUTE)
            conditions = Circumstances(SeenCoverage(seen), paused, 0, seen.silent, others)
            group.evaluate(now * MINUTE, self.samples, conditions)
        self._tell(now)
        return self.words()

    def words(self) -> list[Verdicts]:
        """Return its newest words for the other aggregator; none before it has evaluated anything in this life."""
        if self.seen is None:
            return []
        times = [(group, group.last_evaluation or 0) for group in self.set.groups]
        return [
            verdicts(group, View(self.pair, group.group.name, at), MINUTE, ready=not self.paused(at // MINUTE))
            for group, at in times
        ]

    def _tell(self, now: int, *, again: bool = False) -> None:
        at = now * MINUTE
        for group in self.set.groups:
            telling = self.set.telling(at, at, MINUTE, again=again)
            self.outbox.submit(self.set.take_notices(group, telling, View(self.pair, group.group.name, at)), at)
            self.set.note(group)

    def deliver(self, now: int, receiver: Receiver) -> None:
        """Tell the receiver what it is owed, if it can be reached."""
        for batch in self.outbox.due(now * MINUTE, lambda _: False):
            if now in receiver.away:
                self.outbox.failed(now * MINUTE)
                return
            receiver.post(now, batch.notices)
            self.outbox.sent(batch, now * MINUTE)
