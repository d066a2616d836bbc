"""Print the demo: its processes, a live line, and its result."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import IO, Any, Final

from fog_cli.demo.aggregator_stats import AggregatorView, Numbers

LIVE_EVERY: Final = 1.0
PLAIN_EVERY: Final = 5.0


class Screen:
    """Lines for a person; `quiet` says nothing, as JSON on standard output wants it."""

    def __init__(self, *, quiet: bool, out: IO[str] | None = None) -> None:
        self._quiet = quiet
        self._out = out or sys.stdout
        self._is_terminal = self._out.isatty()
        self._line = ""
        self._fell_behind = False

    def say(self, text: str) -> None:
        """One line, after the live one."""
        if not self._quiet:
            self._out.write(("\n" if self._line else "") + text + "\n")
            self._out.flush()
            self._line = ""

    def invite(self, url: str) -> None:
        """Print the address of the page, which answers by now: the first line, before the rest is started."""
        self.say(f"{url}/  open this page: what is wrong, where, and since when\n")

    def introduce(self, parts: Mapping[str, str], url: str) -> None:
        """Print the processes that run, and further addresses."""
        for name, text in parts.items():
            self.say(f"  {name:<12} {text}")
        self.say("")
        for address, text in {
            "/metrics": "the whole fog, as Prometheus reads it",
            "/metrics?level=1": "each branch",
            "/api/tree": "the tree, /api/nodes, /api/events, /api/snapshot",
        }.items():
            self.say(f"  {url}{address:<20} {text}")
        self.say("\nCtrl-C stops it.\n")

    async def follow(self, view: AggregatorView) -> None:
        """Show how it goes, until cancelled: one line that changes on a terminal, else one now and then."""
        if self._quiet:
            return
        before, then = None, time.monotonic()
        while True:
            await asyncio.sleep(LIVE_EVERY if self._is_terminal else PLAIN_EVERY)
            numbers, now = await view.numbers(), time.monotonic()
            if numbers is not None:
                self._show(_live(numbers, before, now - then))
            before, then = numbers, now

    def falls_behind(self, dropped: float) -> None:
        """Say, the first time that time was dropped, that the fog is too large for this machine."""
        if dropped and not self._fell_behind:
            self._fell_behind = True
            self.say("this machine is too slow for so many nodes: time is dropped, counts are not; try fewer")

    def conclude(self, result: Mapping[str, Any]) -> None:
        """Whether every count arrived, and which did not."""
        counted, exported = result["counted"], result["exported"]
        self.say(f"{result['nodes']} nodes sent {result['frames']} frames, {result['samples']} samples")
        if result["dropped_seconds"]:
            self.say(f"the fog lived {result['lived_seconds']:.1f} s; {result['dropped_seconds']:.1f} s were dropped")
        if result["conserved"]:
            self.say(f"conserved: what the nodes counted is what /metrics says, for all {len(counted)} names")
        for name in result["different"]:
            self.say(f"DIFFERENT: {name}: counted {counted.get(name)}, exported {exported.get(name)}")

    def _show(self, line: str) -> None:
        if not self._is_terminal:
            self.say(line)
            return
        self._out.write("\r" + line.ljust(len(self._line)))
        self._out.flush()
        self._line = line


def _live(numbers: Numbers, before: Numbers | None, seconds: float) -> str:
    parts = [f"{numbers.live} of {numbers.nodes} nodes live"]
    if before is not None:
        parts.append(f"{(numbers.frames - before.frames) / seconds:,.0f} frames/s")
        parts.append(f"{(numbers.samples - before.samples) / seconds:,.0f} samples/s")
    parts += [f"{numbers.events:,} events", f"{numbers.lag} messages behind"]
    return "  " + ", ".join(parts)
