"""Watch processes and answers: resident memory second by second, and how long an aggregator takes to answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np

PATIENCE: Final = 2.0
"""Seconds in which /metrics must be answered."""
MOST_RESIDENT: Final = 3 * 2**30
"""Bytes of one process at which a soak ends at once: the machine has others."""
_LONGEST: Final = 60.0


@dataclass(slots=True)
class Memory:
    """The resident memory of a process, as it was sampled.

    Attributes:
        times: Seconds since the beginning.
        sizes: Bytes.
        worked: Seconds of a processor until the last sample.
    """

    times: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    worked: float = 0.0

    def after(self, warm_up: float) -> tuple[np.ndarray, np.ndarray]:
        """Return times and sizes after the warm-up."""
        times, sizes = np.array(self.times), np.array(self.sizes, float)
        return times[times >= warm_up], sizes[times >= warm_up]

    def growth(self, warm_up: float) -> float:
        """Return how many bytes it grew after the warm-up, by a straight line through all samples."""
        times, sizes = self.after(warm_up)
        return float(np.polyfit(times, sizes, 1)[0] * (times[-1] - times[0])) if len(times) > 1 else 0.0

    def mean(self, warm_up: float) -> float:
        """Return the mean after the warm-up, bytes."""
        _, sizes = self.after(warm_up)
        return float(sizes.mean()) if len(sizes) else 0.0


def resident(pid: int) -> int:
    """Return the resident memory of a process, bytes; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(line.split()[1]) * 1024


def worked(pid: int) -> float:
    """Return how long a process has worked, seconds of a processor; 0 when it is gone (proc_pid_stat(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Watch:
    """Watches until it is cancelled.

    Args:
        pids: The processes by name.
        url: Of the aggregator.

    Attributes:
        memory: By the name of a process.
        answers: Seconds that /metrics took, each time.
        sizes: Bytes of each of them.
        failures: Answers that were none, or late, in words.
    """

    pids: Mapping[str, int]
    url: str
    memory: dict[str, Memory] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def run(self) -> bool:
        """Sample memory each second, and ask for /metrics each second; end when a process has taken far too much."""
        began = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_LONGEST)) as session:
            asking = asyncio.create_task(self._ask(session, began))
            try:
                await self._sample(began)
            finally:
                asking.cancel()
        return False

    async def _sample(self, began: float) -> None:
        while True:
            for name, pid in self.pids.items():
                found = self.memory.setdefault(name, Memory())
                found.times.append(time.monotonic() - began)
                found.sizes.append(resident(pid))
                found.worked = max(found.worked, worked(pid))
                if found.sizes[-1] > MOST_RESIDENT:
                    return
            await asyncio.sleep(1.0)

    async def _ask(self, session: aiohttp.ClientSession, began: float) -> None:
        while True:
            asked, problem = time.monotonic(), ""
            try:
                async with session.get(f"{self.url}/metrics") as answer:
                    self.sizes.append(len(await answer.read()))
                    problem = "" if answer.status == 200 else f"status {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = f"no answer: {str(error) or type(error).__name__}"
            took = time.monotonic() - asked
            self.answers.append(took)
            if problem or took > PATIENCE:
                self.failures.append(f"after {asked - began:.0f} s: {problem or 'late'}, {took:.1f} s")
            await asyncio.sleep(1.0)


def quantile(values: Sequence[float], part: float) -> float:
    """Return a quantile of some values; 0 without any."""
    return float(np.quantile(values, part)) if values else 0.0
