"""Evaluate rules on slots of the server's time; swap them when asked to; tell receivers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from fog_aggregator.components.rules.coverage import FleetCoverage
from fog_aggregator.components.rules.files import RulesError, parse_labels
from fog_aggregator.components.rules.metrics import FAILED, RELOADED, RuleMetrics
from fog_aggregator.components.rules.options import RulesOptions
from fog_aggregator.components.rules.partner import Partner
from fog_aggregator.components.rules.ports import Conditions, Notifier
from fog_aggregator.components.rules.worker import RuleWorker, Slots
from fog_aggregator.notifications.alert_log import AlertLog
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.evaluate import GroupResult, RuleGroupState
from fog_aggregator.rules.model import RuleFile
from fog_aggregator.rules.ports import Circumstances, Surroundings
from fog_aggregator.rules.rule_set import RuleSet, slot
from fog_aggregator.tasks import Loops, cancel
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator.rules")
REPLICA: Final = "replica"
"""The label that tells the two of a pair apart where a Prometheus has one."""
_LOOK: Final = 5.0
"""Seconds between two looks at the clock at most: it may be set, and groups may come."""
_SOONEST: Final = 0.02
"""Seconds between two looks at least: the server's clock and the loop's do not agree to the millisecond."""
_LONGEST_QUESTION: Final = 10.0
"""Seconds for which another aggregator is asked at the start; an interval at most."""


def make_rule_set(options: RulesOptions) -> RuleSet:
    """Make the empty set of rules: part of the checkpoint, before there is anything to evaluate.

    Raises:
        RulesError: A label of the process cannot be used.
    """
    surroundings = Surroundings(labels_of_process(options), options.external_url.rstrip("/"))
    return RuleSet(surroundings, round(options.rules_interval * 1000))


def labels_of_process(options: RulesOptions) -> Labels:
    """Return the labels that alerts bear for their receivers, without one that tells a pair apart.

    Raises:
        RulesError: A label cannot be used.
    """
    labels = parse_labels(options.external_labels)
    if any(name == REPLICA for name, _ in labels):
        LOGGER.warning("the label %s is left out: of a pair's alerts each would be two for their receivers", REPLICA)
    return tuple(one for one in labels if one[0] != REPLICA)


class Rules:
    """A component that evaluates rules.

    Args:
        read: Reads the files; raises RulesError.
        rules: Takes the rules of the files.
        worker: Evaluates groups.
        own: Takes the metrics of rules.
        conditions: The state of the service.
        partner: Knows what the other aggregator of a pair sees.
        notifier: Hears of alerts.
        loops: Runs the loop.

    Attributes:
        set: The rules with their states.
        alert_log: The alerts that began and ended lately.

    Raises:
        RulesError: A file cannot be used.
    """

    def __init__(
        self,
        read: Callable[[], list[RuleFile]],
        rules: RuleSet,
        worker: RuleWorker,
        own: TelemetryCollector,
        conditions: Conditions,
        partner: Partner,
        notifier: Notifier,
        loops: Loops,
    ) -> None:
        self.set = rules
        self._read = read
        self._worker = worker
        self._conditions = conditions
        self._partner = partner
        self.alert_log = AlertLog(notifier)
        self._loops = loops
        self._evaluating = asyncio.Lock()
        self._slots = Slots()
        self._tasks: list[asyncio.Task[None]] = []
        self.set.replace(read())
        self._metrics = RuleMetrics(own, self.set, worker.series)

    async def start(self) -> None:
        """Begin: receivers hear what fired before, and what is over because its rule is gone."""
        self._begin(self._conditions.now())
        asks = self._partner.is_known
        if not asks:
            self._resume()
        self._tasks = [self._loops.spawn(self._evaluate_forever(asks=asks))]
        self._tasks.append(self._loops.spawn(self._partner.talk(self._conditions.now)))

    def others(self) -> list[dict[str, Any]]:
        """Return the other aggregators of the same part of the tree that were heard, the newest word first."""
        return self._partner.others()

    async def stop(self, deadline: float) -> None:
        """End. Receivers hear nothing: alerts go on when the aggregator is back."""
        del deadline
        self._worker.stop()
        await cancel(*self._tasks)

    async def reload(self) -> str:
        """Read the files anew and swap all rules; when one cannot be used the old rules stay. Return the problem."""
        try:
            files = await asyncio.to_thread(self._read)
        except RulesError as error:
            self._metrics.reloaded(FAILED)
            LOGGER.error("the rules are as they were: %s", error)  # noqa: TRY400 - no fault of ours
            return str(error)
        async with self._evaluating:
            self.set.replace(files)
            self._begin(self._conditions.now())
            self._metrics.show(self.set)
        self._metrics.reloaded(RELOADED)
        LOGGER.info("rules reloaded: %d groups", len(self.set.groups))
        return ""

    def _begin(self, now: int) -> None:
        """Begin with the groups that are there now, and say what is over because its rule is there no more."""
        self._partner.begin([group.group for group in self.set.groups])
        self._slots.begin({group: slot(now, self.set.interval(group.group)) for group in self.set.groups})
        self._tell(self.set.take_removed(now), now)

    def _resume(self) -> None:
        """Tell receivers what fired before, but for what is over by the words of others."""
        now = self._conditions.now()
        for group in self.set.groups:
            group.resume(now, self._partner.view(group.group, now))
            self._tell(self._due(group, now, again=True), now)
        self.alert_log.begin()

    async def _evaluate_forever(self, *, asks: bool) -> None:
        if asks:
            await self._partner.meet(min([_LONGEST_QUESTION, *self._intervals()]))
            self._resume()
        while True:
            async with self._evaluating:
                looked_at = now = self._conditions.now()
                for group in list(self.set.groups):
                    if await self._evaluate_when_due(group, now):
                        now = self._conditions.now()
            await asyncio.sleep(max(_SOONEST, self._until_due(looked_at)))

    async def _evaluate_when_due(self, group: RuleGroupState, now: int) -> bool:
        """Evaluate a group if a slot has come, and tell so; slots that passed meanwhile are left out, and counted."""
        interval = self.set.interval(group.group)
        at = slot(now, interval)
        missed = self._slots.take(group, at, interval)
        if missed is None:
            return False
        paused = self._conditions.paused()
        if not paused:
            self._metrics.missed.increment(missed)
        began = time.monotonic()
        result = await self._worker.evaluate(group, at, interval, self._given(group, at, paused))
        seconds = time.monotonic() - began
        notices = self._due(group, at)
        self.set.note(group)
        self._tell(notices, at)
        await self._partner.say(group, at, interval, ready=not paused)
        self._note(group, result, seconds)
        return True

    def _until_due(self, looked_at: int) -> float:
        """Return the seconds until the clock is to be looked at, or a group's next slot after the last look has come.

        It may have come meanwhile: while another group was evaluated, or just after the look.
        """
        now = self._conditions.now()
        intervals = [self.set.interval(group.group) for group in self.set.groups]
        return min([_LOOK, *((slot(looked_at, one) + one - now) / 1000 for one in intervals)])

    def _intervals(self) -> list[float]:
        return [self.set.interval(group.group) / 1000 for group in self.set.groups]

    def _given(self, group: RuleGroupState, at: int, paused: str) -> Callable[[FleetCoverage], Circumstances]:
        """Take the conditions that belong to the loop; the nodes are looked at in the thread."""
        oldest, silent = self._conditions.known_since(), self._conditions.silent_branches
        since = oldest if oldest is not None else at  # only the present is known
        others = self._partner.view(group.group, at)
        return lambda coverage: Circumstances(coverage, paused, since, silent(), others)

    def _note(self, group: RuleGroupState, result: GroupResult, seconds: float) -> None:
        for problem in result.problems:
            LOGGER.warning("%s, rule %d, %s: %s", group.group.name, problem.number, problem.name, problem.text)
        self._metrics.evaluated(group.group.name, len(group.rules), len(result.problems), seconds)
        self._metrics.show(self.set)

    def _due(self, group: RuleGroupState, at: int, *, again: bool = False) -> list[Notice]:
        """Take the notices of a group that are due."""
        interval = self.set.interval(group.group)
        telling = self.set.telling(at, max(at, self._conditions.now()), interval, again=again)
        return self.set.take_notices(group, telling, self._partner.view(group.group, at))

    def _tell(self, notices: Sequence[Notice], at: int) -> None:
        if notices:
            self._metrics.fired.increment(sum(notice.firing and notice.starts_at == at for notice in notices))
            self.alert_log.submit(notices, at)
