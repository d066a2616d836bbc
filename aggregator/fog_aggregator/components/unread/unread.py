"""Look which branches have nodes in the streams and send no rollup: every minute or more seldom."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.places.unread import Unread, nodes_by_branch
from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import Log, LogError
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

EVERY: Final = 60.0
"""Seconds between two looks, at least."""
REST: Final = 200
"""A look is followed by a rest of so many times its duration: it takes half a percent of a core at most, however large
the fleet. At 100,000 nodes below unread branches it takes half a second."""
MOST_BRANCHES: Final = 10_000
MOST_NAMED: Final = 100
"""Branches that a metric names, those with most nodes."""
_SECOND: Final = 1.0

_NODES: Final = Family(
    "fog_aggregator_branch_nodes_unread",
    MetricType.GAUGE,
    "Nodes of a branch that no aggregator reads; 0 where none is known",
)


class UnreadBranches:
    """A component that names the branches that sent no rollup. Belongs to one event loop.

    A branch that is configured by its whole path needs no look: that it was never heard is known. The server tells
    which nodes lie below it, and which branches a pattern stands for, of the streams of metrics.

    Args:
        logs: Finds the streams that frames of nodes are in, those of branches too.
        subjects: Turns subjects into paths.
        patterns: The branches.
        unread: Takes what was found.
        is_ready: Tells whether the rollups that the streams held were read.
        collector: Gets the metrics.
        loops: Runs the loop.
    """

    def __init__(
        self,
        logs: Callable[[], Awaitable[Sequence[Log]]],
        subjects: Subjects,
        patterns: BranchPatterns,
        unread: Unread,
        is_ready: Callable[[], bool],
        collector: TelemetryCollector,
        loops: Loops,
    ) -> None:
        self._logs = logs
        self._subjects = subjects
        self._patterns = patterns
        self._unread = unread
        self._is_ready = is_ready
        self._loops = loops
        self._counted: dict[str, Counter[Path]] = {}
        self._looking: asyncio.Task[None] | None = None
        text = "Branches that no aggregator reads: their nodes are in no number"
        collector.register_gauge("fog_aggregator_branches_unread", text).set_function(lambda: len(unread.under(())))
        collector.add_source(self._collect)

    async def start(self) -> None:
        """Begin to look, if there are branches."""
        if self._patterns:
            self._looking = self._loops.spawn(self._look_for_ever())

    async def stop(self, deadline: float) -> None:
        """End looking."""
        del deadline  # nothing is left half done
        await cancel(self._looking)

    async def _look_for_ever(self) -> None:
        while True:
            began = time.monotonic()
            if is_ready := self._is_ready():  # before, a branch's rollup may be among what is not read yet
                await self._look()
            took = time.monotonic() - began
            await asyncio.sleep(max(EVERY, REST * took) if is_ready else _SECOND)

    async def _look(self) -> None:
        try:
            for log in await self._logs():
                self._counted[log.stream] = await self._count(log)
        except LogError:
            pass  # the reader of the stream says what is wrong; what was found before may still be true
        found = self._unread.never_heard(self._patterns)
        for counted in self._counted.values():
            found.update(counted)  # a sum would leave out those with no nodes
        self._unread.found = dict(found.most_common(MOST_BRANCHES))

    async def _count(self, log: Log) -> Counter[Path]:
        """Count the nodes of branches that were not heard, page by page."""
        found: Counter[Path] = Counter()
        for pattern in self._unread.to_look_at(self._patterns):
            for matching in self._subjects.subtree("metrics", pattern):
                seen, last = 0, ""
                while (page := await log.subjects(matching, seen)) and page[0] > last:
                    seen, last = seen + len(page), page[-1]
                    found += await asyncio.to_thread(nodes_by_branch, page, self._subjects, self._patterns)
        return found

    def _collect(self) -> list[FamilySnapshot]:
        largest = sorted(self._unread.under(()), key=lambda one: (-one[1], one[0]))[:MOST_NAMED]
        series = [SeriesSnapshot((("path", format_path(path)),), count) for path, count in largest]
        return [FamilySnapshot(_NODES, series)]
