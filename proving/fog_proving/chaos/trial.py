"""One run of the suite: things break while every scrape is judged; then it is quiet, and the books are settled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fog_proving.chaos import verdict
from fog_proving.chaos.arena import Arena, Reader
from fog_proving.chaos.books import Cell
from fog_proving.chaos.judge import FLEET, View
from fog_proving.chaos.layout import ONE, Layout, Scope
from fog_proving.chaos.plan import Plan
from fog_testing.clock import why_no_clock

WARM_UP: Final = 2.0
SCRAPE_EVERY: Final = 0.5
QUIET_SECONDS: Final = 120.0
_FRAMES: Final = (FLEET, ("fog_agent_frames_total", ""))


@dataclass(slots=True)
class Result:
    """The result of a run.

    Attributes:
        kills: processes that met a kill -9.
        frames: frames acknowledged, as the fleet itself counts them.
        events: events recorded.
        lost: counts and events that should be there and are not.
        scrapes: how often everything exported was judged.
        findings: everything that must not be, in words.
    """

    kills: int = 0
    frames: int = 0
    events: int = 0
    lost: int = 0
    scrapes: int = 0
    findings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"kills {self.kills}, frames {self.frames}, events {self.events}, lost {self.lost}"


@dataclass(frozen=True, slots=True)
class Trial:
    """The plan and the size of a run.

    Args:
        directory: where everything is kept that the run leaves.
        plan: what happens.
        fleets: processes of nodes.
        size: nodes in each.
        layout: which aggregators there are, and where the nodes are.
        tell: takes a line on how it goes.
        quiet: seconds in which all must come right once nothing breaks any more.
    """

    directory: Path
    plan: Plan
    fleets: int = 3
    size: int = 10
    layout: Layout = ONE
    tell: Callable[[str], None] = print
    quiet: float = QUIET_SECONDS

    async def run(self) -> Result:
        """Do it.

        Raises:
            TimeoutError: something did not even start.
        """
        layout = self.layout._replace(own_clocks=self.plan.sets_clocks and not why_no_clock())
        chance, sizes = random.Random(self.plan.seed), (self.fleets, self.size, layout)
        async with Arena(self.directory, chance, self.tell, *sizes) as arena, asyncio.TaskGroup() as group:
            watching = [group.create_task(_watch(arena, reader)) for reader in arena.readers]
            await asyncio.sleep(WARM_UP)
            await self.plan.run(arena)
            self.tell("now quiet: no more faults, no more counting")
            arena.stop_counting()
            result = await _settle(arena, self.quiet)
            for task in watching:
                task.cancel()
        return result


async def _watch(arena: Arena, reader: Reader) -> None:
    """Judge an aggregator's numbers about twice a second."""
    while True:
        scrape = await reader.watch.scrape()
        if scrape is not None:
            reader.watch.check_never_above(scrape, arena.accounts.most(reader.scope))
            reader.watch.check_never_falls(scrape)
        await asyncio.sleep(SCRAPE_EVERY)


async def _settle(arena: Arena, quiet: float) -> Result:
    """Wait until nothing is wrong any more; after so many seconds, what is wrong is what came of it."""
    end = time.monotonic() + quiet
    while True:
        result = await _judge(arena)
        if not result.findings or time.monotonic() > end:
            break
        await asyncio.sleep(SCRAPE_EVERY)
    if result.findings:
        await arena.keep_evidence()
    result.kills = arena.kills
    result.scrapes = sum(reader.watch.scrapes for reader in arena.readers)
    during = [finding for reader in arena.readers for finding in reader.watch.findings]
    result.findings = (*during, *arena.unexpected_ends(), *result.findings)
    return result


async def _judge(arena: Arena) -> Result:
    """Compare every aggregator with the books, now."""
    result = Result()
    findings: list[str] = []
    views: dict[Scope, View] = {}
    for reader in arena.readers:
        scope, accounts = reader.scope, arena.accounts
        least, events = accounts.least(scope), accounts.events(scope)
        scrape = await reader.watch.scrape()
        listed = await reader.watch.events(accounts.paths(scope))
        if scrape is None or listed is None:
            findings.append(f"{reader.name} does not answer, or is not ready")
            continue
        shown = scrape.values
        found = [
            f"{amount:g} of {sample} of {path} are missing" for path, sample, amount in verdict.missing(least, shown)
        ]
        found += verdict.wrong_gauges(accounts.levels(scope), shown)
        found += verdict.wrong_events(events, listed)
        found += verdict.disagreements(views.setdefault(scope, shown), shown)
        findings += [f"{reader.name}: {finding}" for finding in found]
        result.lost = max(result.lost, int(verdict.lost(least, shown)) + verdict.lost_events(events, listed))
        result.frames = max(result.frames, int(shown.get(_FRAMES, 0)))
    result.events = sum(int(row.counted[Cell.EVENTS]) for life in arena.accounts.lives for row in life.book.rows)
    result.findings = tuple(findings)
    return result
