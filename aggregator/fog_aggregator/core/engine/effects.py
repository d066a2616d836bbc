"""The effects of an engine's ticks."""

from __future__ import annotations

from dataclasses import dataclass, field

from fog_aggregator.core.engine.sweeper import Findings
from fog_aggregator.core.fleet.sweep import Swept
from fog_aggregator.core.quarantine.orders import Settled
from fog_schema.frames import Request
from fog_schema.paths import Path


@dataclass(slots=True)
class Effects:
    """Effects of one tick: things to do, and things done.

    Attributes:
        requests: Requests to send, each to the path and all below it.
        became_ready: It has become ready just now.
        observed_seconds: The time that was observed since the last tick.
        forgotten: The requests to forget that were done: the path, server's time, and the nodes that left.
        settled: The orders that took paths out of what is shown, or in again.
        findings: The result of the sweep, when there was one.
    """

    requests: list[tuple[Path, Request]] = field(default_factory=list)
    became_ready: bool = False
    observed_seconds: float = 0.0
    forgotten: list[tuple[Path, float, list[Path]]] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    findings: Findings | None = None

    @property
    def swept(self) -> Swept:
        """The changes that the sweep made; empty when there was none."""
        return self.findings.swept if self.findings is not None else Swept()
