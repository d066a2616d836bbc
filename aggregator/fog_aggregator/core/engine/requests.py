"""Decide which writers to ask for keyframes, and when: few requests, ever rarer to writers that do not answer.

A request to a path is answered by every node at and under it, so a node that is wrong on purpose must not cause one to
its parent: only distinct paths count for that, and they must be a good part of the children that are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fog_schema.frames import Request
from fog_schema.paths import Path

FAN_IN: Final = 16
"""So many children of a path are asked together, if they are also …"""
SHARE: Final = 0.5
"""… this part of its children: the others would answer for nothing."""
BURST, REFILL = 16.0, 0.5
"""Requests to one path at once, and a second: a node may have many epochs that want to be asked."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
MOST_AT_ONCE: Final = 100
PACE: Final = 2000.0
"""Writers that are asked in a second: a keyframe of each comes within its interval."""
DELIVERED: Final = 20_000.0
"""Deliveries in a second of requests to one writer each, which its siblings hear as well, and leave out."""
COUNTED_FOR: Final = 60.0
"""Seconds for which a count of siblings will do."""


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A keyframe, or the repetition of some events, that is wanted from a writer.

    Attributes:
        path: The writer's.
        epoch: The writer's.
        events: The first and last number of the events to repeat; (0, 0) for none.
        alone: It writes a rollup. A request to several writers at once would be heard by all nodes below it.
    """

    path: Path
    epoch: int
    events: tuple[int, int] = (0, 0)
    alone: bool = False


@dataclass(slots=True)
class _Patience:
    next_at: float
    wait: float
    events: tuple[int, int]

    def is_over(self, now: float) -> bool:
        """Tell whether it has been quiet for as long as the last pause was: then all begins anew."""
        return now >= self.next_at + self.wait


@dataclass(slots=True)
class _Budget:
    left: float
    at: float

    def take(self, now: float) -> bool:
        """Take one request out of the budget, if there is one."""
        self.left += (now - self.at) * REFILL  # one that is full is forgotten
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def is_full(self, now: float) -> bool:
        """Tell whether nothing is missing in it any more."""
        return self.left + (now - self.at) * REFILL >= BURST


class _Pace:
    """So much in a second, and at once; what is more than is left is lent."""

    def __init__(self, rate: float) -> None:
        self._rate = self.left = rate
        self._at: float | None = None

    def refill(self, now: float) -> None:
        """Let time pass until `now`."""
        if self._at is not None:
            self.left = min(self._rate, self.left + (now - self._at) * self._rate)
        self._at = now


class _Siblings:
    """How many writers hear a request to one of them, counted again after a while."""

    def __init__(self, children: Callable[[], Mapping[Path, int]]) -> None:
        self._children = children
        self._known: Mapping[Path, int] = {}
        self._counted = -COUNTED_FOR

    def of(self, path: Path, now: float) -> int:
        """Return the number of children that the parent of `path` has; 1 without a parent, and at least."""
        if not 0 <= now - self._counted < COUNTED_FOR:
            self._known, self._counted = self._children(), now
        return max(1, self._known.get(path[:-1], 1)) if path[1:] else 1


class KeyframeRequests:
    """Turn what is wanted into requests, with a growing pause for each target, and a budget for each path.

    Args:
        children: Returns how many children of each path are known; asked when many are wanted at once, and each minute
            while single ones are.
    """

    def __init__(self, children: Callable[[], Mapping[Path, int]] = dict) -> None:
        self._children = children
        self._patience: dict[tuple[Path, int], _Patience] = {}
        self._budgets: dict[Path, _Budget] = {}
        self._pace, self._delivered = _Pace(PACE), _Pace(DELIVERED)
        self._siblings = _Siblings(children)

    def due(self, wanted: Iterable[KeyframeRequest], now: float) -> list[tuple[Path, Request]]:
        """Return the requests to send at `now` (monotonic seconds), at most 100, and for 2,000 writers a second.

        One request to a subtree with more of them is sent all the same; the others wait for as long as it takes. So
        do requests to single writers that 20,000 siblings have heard in this second.
        """
        targets, writers = _together(wanted, self._children)
        self._forget(targets, now)
        self._pace.refill(now)
        self._delivered.refill(now)
        requests = []
        for target, events in targets.items():
            path, epoch = target
            if self._pace.left <= 0 or (epoch and self._delivered.left <= 0):
                break
            patience = self._patience.get(target)
            if patience is not None and patience.events != events:
                patience = None  # it has answered, and something else is wanted now
            if patience is not None and now < patience.next_at:
                continue
            if not self._budgets.setdefault(target[0], _Budget(BURST, now)).take(now):
                continue
            wait = min(patience.wait * 2, LONGEST_WAIT) if patience else FIRST_WAIT
            self._patience[target] = _Patience(now + wait, wait, events)
            self._pace.left -= writers.get(path, 1) if not epoch else 1
            self._delivered.left -= self._siblings.of(path, now) if epoch else 0
            requests.append((path, Request(epoch, *events)))
            if len(requests) == MOST_AT_ONCE:
                break
        return requests

    def _forget(self, targets: Collection[tuple[Path, int]], now: float) -> None:
        """Forget a target that is wanted no more, but only after a quiet time: it may want again the next moment."""
        self._patience = {
            target: patience
            for target, patience in self._patience.items()
            if target in targets or not patience.is_over(now)
        }
        self._budgets = {path: budget for path, budget in self._budgets.items() if not budget.is_full(now)}


def _together(
    wanted: Iterable[KeyframeRequest], children: Callable[[], Mapping[Path, int]]
) -> tuple[dict[tuple[Path, int], tuple[int, int]], dict[Path, int]]:
    """Put requests together: a single one goes to its epoch; many under one parent become one to the parent, and so on.

    Requests for events stay apart, as only their writer can be told which ones. So do requests to branches, as all
    nodes below would answer. Subtrees with many writers are asked one after the other, not by one request to their
    parent.

    Returns:
        The events to repeat by path and epoch, and how many writers each path stands for that is asked as a subtree.
    """
    single: dict[Path, dict[tuple[Path, int], tuple[int, int]]] = defaultdict(dict)
    targets: dict[tuple[Path, int], tuple[int, int]] = {}
    for request in wanted:
        group = targets if request.events[1] or request.alone else single[request.path[:-1]]
        group[request.path, request.epoch] = request.events
    parents: dict[Path, int] = {}
    known: Mapping[Path, int] | None = None
    for parent, here in single.items():
        paths = len({path for path, _ in here}) if parent else 0
        if paths >= FAN_IN:
            known = children() if known is None else known
            if paths >= SHARE * known.get(parent, 0):
                parents[parent] = len(here)
                continue
        targets |= here
    while (crowded := _crowded(parents)) is not None:
        below = sum(writers for path, writers in parents.items() if path[:-1] == crowded)
        parents = {path: writers for path, writers in parents.items() if path[:-1] != crowded}
        parents[crowded] = parents.get(crowded, 0) + below
    return {(path, 0): (0, 0) for path in parents} | targets, parents


def _crowded(parents: Mapping[Path, int]) -> Path | None:
    """Return a path under which so many parents are asked that one request to it takes their place."""
    counts: dict[Path, int] = defaultdict(int)
    writers: dict[Path, int] = defaultdict(int)
    for path, below in parents.items():
        if len(path) > 1:
            counts[path[:-1]] += 1
            writers[path[:-1]] += below
    return next((path for path, count in counts.items() if count >= FAN_IN and writers[path] <= PACE), None)
