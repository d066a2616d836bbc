"""A fog of nodes that talk along their tree, coordinate, check their health, fail now and then and recover.

Pure: time and randomness are handed in, and what happens comes out as events, named and shaped as the SDK's hooks hear
them. A discrete-event simulation: an agenda of actions, which may put further ones on it.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fog_schema.paths import Path, format_path

TALK_EVERY: Final = 1.0
COORDINATE_EVERY: Final = 2.0
CHECK_EVERY: Final = 5.0
FAIL_EVERY: Final = 600.0
"""Mean seconds between a node's messages, rounds of coordination, health checks, and failures."""
OUTAGE: Final = (4.0, 12.0)
"""Shortest and longest failure, in seconds."""
LONG_QUEUE: Final = 5

LINK_LOST, LINK_RESTORED = "link_lost", "link_restored"
UNHEALTHY, RECOVERED = "node_unhealthy", "node_recovered"


class Happening(NamedTuple):
    """An event at a node; `value` is what `TelemetryCollector.record_event` is given."""

    node: Path
    event: str
    value: Mapping[str, Any]


@dataclass(slots=True)
class Node:
    """One node's state."""

    path: Path
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    linked: bool = True
    healthy: bool = True
    queue: int = 0

    @property
    def neighbours(self) -> list[Node]:
        """Whom it has links to."""
        return [*([self.parent] if self.parent else []), *self.children]


def tree_paths(root: str, depth: int, branching: int) -> Iterator[Path]:
    """Yield the paths of a tree of `depth` levels with the root, level by level: 4 and 4 make 85."""
    level: list[Path] = [(root,)]
    for _ in range(depth):
        yield from level
        level = [(*path, str(child)) for path in level for child in range(branching)]


class Fog:
    """The nodes and what they will do next.

    Args:
        paths: The nodes, parents before their children.
        rng: All chance comes from here.
        now: The time at the beginning, in seconds of any clock that only goes forward.
        fail_every: Mean seconds between the failures of one node.
    """

    def __init__(self, paths: Iterator[Path], rng: random.Random, now: float, fail_every: float = FAIL_EVERY) -> None:
        self._rng = rng
        self._fail_every = fail_every
        self._agenda: list[tuple[float, int, Callable[[float, Node], None], Node]] = []
        self._order = itertools.count()  # settles ties, so that nodes need no order
        self._happened: list[Happening] = []
        self.nodes: dict[Path, Node] = {}
        for path in paths:
            self._add(path, now)

    def advance(self, now: float) -> list[Happening]:
        """Everything that happened until `now`, in order."""
        while self._agenda and self._agenda[0][0] <= now:
            when, _, action, node = heapq.heappop(self._agenda)
            action(when, node)
        happened, self._happened = self._happened, []
        return happened

    def heal(self) -> list[Happening]:
        """End every outage, as before a clean stop."""
        for node in self.nodes.values():
            self._recover(0.0, node)
        happened, self._happened = self._happened, []
        return happened

    def _add(self, path: Path, now: float) -> None:
        node = self.nodes[path] = Node(path, self.nodes.get(path[:-1]))
        if node.parent:
            node.parent.children.append(node)
        for every, action in (
            (TALK_EVERY, self._talk),
            (COORDINATE_EVERY, self._coordinate),
            (CHECK_EVERY, self._check),
        ):
            self._plan(now + self._rng.uniform(0, every), action, node)
        self._plan(now + self._rng.expovariate(1 / self._fail_every), self._fail, node)

    def _plan(self, when: float, action: Callable[[float, Node], None], node: Node) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), action, node))

    def _tell(self, node: Node, event: str, **value: Any) -> None:
        self._happened.append(Happening(node.path, event, value))

    def _latency(self) -> float:
        return self._rng.lognormvariate(-4.6, 0.6)  # around 10 ms, with a tail

    def _talk(self, now: float, node: Node) -> None:
        self._plan(now + self._rng.expovariate(1 / TALK_EVERY), self._talk, node)
        if not node.neighbours:
            return
        peer = self._rng.choice(node.neighbours)
        self._tell(
            node,
            "message_sent",
            to=format_path(peer.path),
            queue_size=node.queue,
            processing_duration=self._latency() / 10,
        )
        if node.linked and peer.linked:
            self._plan(now + self._latency(), self._arrive, peer)

    def _arrive(self, now: float, node: Node) -> None:
        node.queue += 1
        if node.queue == 1:
            self._work(now, node)

    def _work(self, now: float, node: Node) -> None:
        duration = self._rng.expovariate(1 / (0.02 if node.healthy else 1.5))

        def done(now: float, node: Node) -> None:
            node.queue -= 1
            self._tell(node, "message_received", queue_size=node.queue, processing_duration=duration)
            if node.queue:
                self._work(now, node)

        self._plan(now + duration, done, node)

    def _coordinate(self, now: float, node: Node) -> None:
        """Let a parent ask its children; those with a link answer."""
        self._plan(now + COORDINATE_EVERY, self._coordinate, node)
        if not (node.linked and node.children):
            return
        active = [child for child in node.children if child.linked]
        for child in active:
            self._tell(node, "coordination_message", latency=2 * self._latency(), active_nodes=len(active))
            self._tell(child, "coordination_message", latency=self._latency(), active_nodes=len(active))

    def _check(self, now: float, node: Node) -> None:
        self._plan(now + CHECK_EVERY, self._check, node)
        status = "HEALTHY" if node.queue < LONG_QUEUE and node.linked else "DEGRADED"
        self._tell(node, "health_check", status=status if node.healthy else "UNHEALTHY", duration=self._latency() / 10)

    def _fail(self, now: float, node: Node) -> None:
        self._plan(now + self._rng.expovariate(1 / self._fail_every), self._fail, node)
        if not (node.healthy and node.linked):
            return
        if self._rng.random() < 0.5:
            node.healthy = False
            self._tell(node, UNHEALTHY, reason=self._rng.choice(["overheated", "memory low", "clock drift"]))
        else:
            node.linked = False
            self._tell(node, LINK_LOST)
        self._plan(now + self._rng.uniform(*OUTAGE), self._recover, node)

    def _recover(self, _now: float, node: Node) -> None:
        if not node.healthy:
            node.healthy = True
            self._tell(node, RECOVERED)
        if not node.linked:
            node.linked = True
            self._tell(node, LINK_RESTORED)
