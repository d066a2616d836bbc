"""Evaluate groups in a thread of their own, each until its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fog_aggregator.components.rules.coverage import FleetCoverage
from fog_aggregator.components.rules.storage import FleetSamples, RuleSamples, RuleSeries
from fog_aggregator.network import NetworkCollector
from fog_aggregator.rules.evaluate import GroupResult, RuleGroupState
from fog_aggregator.rules.ports import Circumstances

_LONGEST: Final = 60.0
"""Seconds that one evaluation of a group may take, whatever its interval."""


class RuleWorker:
    """The thread that evaluates rules.

    Args:
        storage: The samples of the fleet and of rules.
        series: Takes the samples of rules.
        network: Shows the nodes behind the numbers.
        samples: How many samples a query may take.
    """

    def __init__(self, storage: FleetSamples, series: RuleSeries, network: NetworkCollector, samples: int) -> None:
        self.series = series
        self.storage = storage
        self._network = network
        self._samples = samples
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rules")

    async def evaluate(
        self, group: RuleGroupState, at: int, interval: int, given: Callable[[FleetCoverage], Circumstances]
    ) -> GroupResult:
        """Evaluate a group.

        Args:
            group: The group.
            at: The time of the evaluation, milliseconds.
            interval: The milliseconds between two evaluations: this one may not take longer.
            given: Returns the conditions of the evaluation, with the nodes as they are then.
        """
        deadline = time.monotonic() + min(interval / 1000, _LONGEST)
        samples = RuleSamples(self.storage, self.series, deadline, self._samples, lambda: self._stopping)

        def work() -> GroupResult:
            coverage = FleetCoverage(self._network, self._network.horizon)
            return group.evaluate(at, samples, given(coverage))

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stop(self) -> None:
        """End at once: a query that runs is given up."""
        self._stopping = True
        self._thread.shutdown(wait=False, cancel_futures=True)


class Slots:
    """The slots at which groups were evaluated last."""

    def __init__(self) -> None:
        self._last: dict[RuleGroupState, int] = {}

    def begin(self, groups: Mapping[RuleGroupState, int]) -> None:
        """Begin with groups and the newest slot of each: the first evaluation lies in the future."""
        self._last = dict(groups)

    def take(self, group: RuleGroupState, newest: int, interval: int) -> int | None:
        """Take the newest slot of a group if it was not evaluated there; return how many were left out before it.

        A clock that was set back begins anew.
        """
        last = self._last.get(group, newest)
        self._last[group] = newest
        return (newest - last) // interval - 1 if newest > last else None
