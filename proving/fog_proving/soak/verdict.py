"""Judge a soak: memory is flat, answers come in time, and healthy nodes' numbers are exact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import aiohttp

from fog_cli.actions.books import differences, read_exposition
from fog_proving.soak.attacks import ATTACKS
from fog_proving.soak.churn import ROOT, Churn
from fog_proving.soak.watching import Watch, quantile
from fog_testing.waiting import eventually

_END_SECONDS: Final = 120.0
_FLAT: Final = 0.1
"""Share of its size by which a process may grow after the warm-up."""
_ROUNDING: Final = 12 * 2**20
"""So many bytes more: allocators take memory in large pieces."""
_LISTED: Final = 40
"""The newest events of the programs with churn that must be listed, whatever the hostile path records."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a soak.

    Attributes:
        seconds: How long it lasts.
        nodes: How many healthy nodes send each second.
        rate: Bytes a second of the hostile path.
        options: More options of the aggregator.
        seed: Of everything that chance decides.
    """

    seconds: float
    nodes: int
    rate: int
    options: Sequence[str]
    seed: int

    @property
    def warm_up(self) -> float:
        """Seconds until memory must be flat: every attack has had its turn by then."""
        return self.seconds * 0.4

    @property
    def turn(self) -> float:
        """Seconds that an attack lasts: each comes twice in the warm-up at least."""
        return max(1.0, self.seconds * 0.4 / (2 * len(ATTACKS)))


class Wrong(NamedTuple):
    """Something that must not be.

    Attributes:
        about: One of LATE, MEMORY, COUNTS and ENDED.
        text: It in words.
    """

    about: str
    text: str


LATE, MEMORY, COUNTS, ENDED = "late", "memory", "counts", "ended"


@dataclass(slots=True)
class Result:
    """The result of a soak: figures in words, and everything that must not be."""

    figures: list[str] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    def find(self, about: str, text: str) -> None:
        """Note something that must not be."""
        self.wrong.append(Wrong(about, text))


def judge(plan: Plan, watch: Watch, sent: Mapping[str, int]) -> Result:
    """Judge memory and answers."""
    result = Result()
    for name, memory in watch.memory.items():
        result.figures.append(f"{name}: {memory.show(plan.warm_up)}")
        if memory.growth(plan.warm_up) > _FLAT * memory.mean(plan.warm_up) + _ROUNDING:
            result.find(MEMORY, f"the {name} grows: {memory.show(plan.warm_up)}")
    half, most = quantile(watch.answers, 0.5), max(watch.answers, default=0.0)
    result.figures.append(
        f"/metrics: {len(watch.answers)} answers, half of them within {half:.3f} s, 99 % within "
        f"{quantile(watch.answers, 0.99):.3f} s, the slowest {most:.3f} s"
    )
    for failure in watch.failures:
        result.find(LATE, f"/metrics {failure}")
    attacks = ", ".join(f"{name} {count:,}" for name, count in sent.items())
    result.figures.append(f"hostile messages: {attacks}")
    return result


def judge_swarm(report: Mapping[str, Any], result: Result) -> None:
    """Take over what the swarm of healthy nodes says of its counts."""
    if "error" in report:
        result.find(ENDED, f"the swarm: {report['error']}")
        return
    result.figures.append(
        f"swarm: {report['frames']:,} frames, {sum(report['counted'].values()):,} counted, "
        f"{report['ended']:,} nodes ended, {report['restarted']:,} began anew, {report['dropped']:,} intervals left out"
    )
    if not report["all_acknowledged"] or report["different"]:
        result.find(COUNTS, f"the swarm is not conserved: {report['different'] or 'not all was acknowledged'}")


async def judge_churn(url: str, churn: Churn, result: Result) -> None:
    """Compare the programs whose series come and go with what they counted, and look for their events."""
    counted, different = churn.book(), ["nothing was answered"]

    async def agree() -> bool:
        nonlocal different
        different = differences(counted, read_exposition(await _get(url, f"/metrics?path={ROOT}")))
        return not different

    try:
        await eventually(agree, deadline=_END_SECONDS, what="the counts of the programs with churn are there")
    except TimeoutError:
        result.find(COUNTS, f"the programs with churn are not conserved: {different}")
    found = json.loads(await _get(url, f"/api/events?path={ROOT}&limit={_LISTED}") or '{"events": []}')["events"]
    if len(found) < min(_LISTED, churn.events):
        result.find(COUNTS, f"of {churn.events} events of the programs with churn {len(found)} are listed")
    result.figures.append(f"programs with churn: {sum(counted.values()):,} counted, {churn.events:,} events recorded")


async def _get(url: str, path: str) -> str:
    try:
        async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
            return await answer.text() if answer.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError):
        return ""
