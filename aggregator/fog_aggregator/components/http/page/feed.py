"""Look at the fleet for those who follow it, and keep what has changed in a ring from which each reads."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from fog_aggregator.components.http.access.alerts import open_rules, place_of
from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.messages import (
    MOST_AT_ONCE,
    AlertChange,
    Happened,
    Skipped,
    at_most,
    shown_state,
    state_changes,
)
from fog_aggregator.components.http.page.ring import Message, Ring
from fog_aggregator.components.http.prometheus.ports import AlertStatus, RulesStatus
from fog_aggregator.components.http.status import Status
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.labels import Labels, label
from fog_aggregator.query.inventory import coverage_of
from fog_aggregator.query.nodes import NodeStates
from fog_aggregator.query.selection import Selection
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator.components.http")
BEAT: Final = 2.0
"""Seconds between two looks."""
GRACE: Final = 60.0
"""So long after the last follower has left it is still looked, so that one who comes back has missed nothing."""
MOST_FOLLOWERS: Final = 64


class FeedMetrics:
    """The instruments of the stream, registered in `collector`.

    Attributes:
        followers: How many there are.
        ended: How many were cut off, by reason.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        self.followers = collector.register_gauge("fog_aggregator_followers", "Clients that follow /api/stream")
        self.ended = collector.register_counter(
            "fog_aggregator_followers_cut_off_total", "Clients of /api/stream that were cut off or refused", ["reason"]
        )
        for reason in ("slow", "full"):
            self.ended.labels(reason=reason)


class Pulses:
    """The state of the service between two looks; it is found out once for all who follow the same part of the tree."""

    def __init__(self, network: NetworkCollector, status: Status) -> None:
        self._network = network
        self._status = status
        self._lines: dict[Path, bytes] = {}

    def forget(self) -> None:
        """Find out anew from now on."""
        self._lines = {}

    async def line(self, under: Path) -> bytes:
        """Return the state of the service, and of the nodes at and under a path, as a line of JSON."""
        if under not in self._lines:
            total = await asyncio.to_thread(lambda: self._network.coverage(Selection(under)).total())
            self._lines[under] = json_bytes(self._pulse(under) | {"coverage": coverage_of(total)})
        return self._lines[under]

    def _pulse(self, under: Path) -> dict[str, Any]:
        ready, reason = self._status.ready()
        return {
            "now": self._network.now(),
            "path": format_path(under),
            "ready": ready,
            "reason": reason,
            "connected": self._status.is_connected(),
            "current": self._status.is_current(),
        }


class TooManyFollowersError(Exception):
    """As many follow as may."""


class Feed:
    """The stream of what changes. Belongs to one event loop; it looks only while somebody follows.

    Args:
        network: The fleet.
        status: The service behind it.
        rules: Tells of rules and their alerts.

    Attributes:
        ring: The newest messages.
        name: Of this run: numbers of another run mean nothing here.
        metrics: Its instruments.
        pulses: The state of the service, for each part of the tree.
    """

    def __init__(self, network: NetworkCollector, status: Status, rules: RulesStatus) -> None:
        self.ring = Ring()
        self.name = secrets.token_hex(4)
        self.metrics = FeedMetrics(network.own)
        self.pulses = Pulses(network, status)
        self._looks = _Looks(network, status, rules)
        self._beat, self._begun = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._followers = 0
        self._left_at = 0.0
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Tell whether it has ended: followers go."""
        return self._is_closed

    @contextmanager
    def following(self) -> Iterator[None]:
        """Follow for as long as the body runs.

        Raises:
            TooManyFollowersError: As many do as may.
        """
        if self._followers >= MOST_FOLLOWERS:
            self.metrics.ended.labels(reason="full").increment()
            raise TooManyFollowersError
        self._followers += 1
        self.metrics.followers.set(self._followers)
        if self._task is None and not self._is_closed:
            self._task = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            self._followers -= 1
            self._left_at = time.monotonic()
            self.metrics.followers.set(self._followers)

    async def begun(self) -> None:
        """Wait for the first look: what happens from then on is seen."""
        await self._begun.wait()

    async def beat(self) -> None:
        """Wait for the next look, or the end."""
        await self._beat.wait()

    async def close(self) -> None:
        """End: all who follow are let go."""
        self._is_closed = True
        self._beat.set()
        self._begun.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _look_on(self) -> None:
        """Look again and again; stop when nobody has followed for a while."""
        try:
            while self._followers or time.monotonic() - self._left_at < GRACE:
                try:
                    for message in await self._looks.look():
                        self.ring.add(message)
                except Exception:
                    LOGGER.exception("a look for /api/stream failed")
                self.pulses.forget()
                self._begun.set()
                beat, self._beat = self._beat, asyncio.Event()
                beat.set()
                await asyncio.sleep(BEAT)
        finally:
            self._task = None
            self._begun.clear()
            self.ring.clear()  # what happens from now on is not seen
            self._looks.forget()


@dataclass(slots=True)
class _Looks:
    """Remember the last look, and compare the next one with it."""

    network: NetworkCollector
    status: Status
    rules: RulesStatus
    states: NodeStates | None = None
    order: int | None = None
    alerts: Mapping[Labels, tuple[AlertStatus, str]] = field(default_factory=dict)
    is_first: bool = True

    def forget(self) -> None:
        """Begin anew."""
        self.states, self.order, self.alerts, self.is_first = None, None, {}, True

    async def look(self) -> Sequence[Message]:
        """Return what has changed since the look before; nothing at the first one."""
        alerts = await self._alerts()
        states, events = await asyncio.to_thread(self._nodes), await asyncio.to_thread(self._events)
        self.is_first = False
        return [*states, *at_most(alerts, AlertChange.kind), *events]

    def _nodes(self) -> list[Message]:
        before, self.states = self.states, self.network.node_states()
        found = None if before is None else state_changes(before, self.states)
        return [] if found is None else [found]

    def _events(self) -> list[Message]:
        """Return the events that came, at most so many: of more the newest, after a mark."""
        newest, _ = self.network.find_events((), None, None, MOST_AT_ONCE + 1)
        before, last = self.order, max((event.order for event in newest), default=0)
        self.order = max(last, before or 0)
        if before is None:
            return []
        new = [event for event in newest if event.order > before]
        mark: list[Message] = [Skipped(Happened.kind)] if len(new) > MOST_AT_ONCE else []
        return [*mark, *(Happened(event) for event in new[-MOST_AT_ONCE:])]

    async def _alerts(self) -> list[Message]:
        """Return the alerts that are in another state, as a silenced one is, and those that are over."""
        groups = self.rules.rules()
        found = [alert for group in groups for rule in group.rules for alert in rule.alerts]
        untils = await self.status.silenced_until([alert.labels for alert in found])
        now = {one.labels: (one, shown_state(one, until)) for one, until in zip(found, untils, strict=True)}
        before, self.alerts = self.alerts, now
        if self.is_first:
            return []
        changed = [(alert, state) for labels, (alert, state) in now.items() if before.get(labels, ("", ""))[1] != state]
        over = [(alert, "resolved") for labels, (alert, _) in before.items() if labels not in now]
        shown = open_rules(groups)
        return [_change(alert, state, shown) for alert, state in changed + over]


def _change(alert: AlertStatus, state: str, shown: frozenset[str]) -> AlertChange:
    name, place = label(alert.labels, "alertname"), place_of(alert.labels)
    plain = {
        "alert": name,
        "path": place,
        "state": state,
        "severity": label(alert.labels, "severity"),
        "since": alert.active_at / 1000,
    }
    return AlertChange(tuple(place.split("/")) if place else (), plain, name in shown)
