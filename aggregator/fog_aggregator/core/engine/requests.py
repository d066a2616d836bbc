"""Decide which writers to ask for keyframes, and when: few requests, ever rarer to writers that do not answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fog_schema.frames import Request
from fog_schema.paths import Path

FAN_IN: Final = 16
"""So many writers under a path are asked together."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
MOST_AT_ONCE: Final = 100


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


class KeyframeRequests:
    """Turn what is wanted into requests, with a growing pause for each target."""

    def __init__(self) -> None:
        self._patience: dict[tuple[Path, int], _Patience] = {}

    def due(self, wanted: Iterable[KeyframeRequest], now: float) -> list[tuple[Path, Request]]:
        """Return the requests to send at `now` (monotonic seconds), at most 100."""
        targets = _together(wanted)
        self._patience = {target: patience for target, patience in self._patience.items() if target in targets}
        requests = []
        for target, events in targets.items():
            patience = self._patience.get(target)
            if patience is not None and patience.events != events:
                patience = None  # it has answered, and something else is wanted now
            if patience is not None and now < patience.next_at:
                continue
            wait = min(patience.wait * 2, LONGEST_WAIT) if patience else FIRST_WAIT
            self._patience[target] = _Patience(now + wait, wait, events)
            path, epoch = target
            requests.append((path, Request(epoch, *events)))
            if len(requests) == MOST_AT_ONCE:
                break
        return requests


def _together(wanted: Iterable[KeyframeRequest]) -> dict[tuple[Path, int], tuple[int, int]]:
    """Put requests together: a single one goes to its epoch; many under one parent become one to the parent, and so on.

    Requests for events stay apart, as only their writer can be told which ones. So do requests to branches, as all
    nodes below would answer.
    """
    single: dict[Path, dict[tuple[Path, int], tuple[int, int]]] = defaultdict(dict)
    targets: dict[tuple[Path, int], tuple[int, int]] = {}
    for request in wanted:
        group = targets if request.events[1] or request.alone else single[request.path[:-1]]
        group[request.path, request.epoch] = request.events
    parents: set[Path] = set()
    for parent, here in single.items():
        if len(here) >= FAN_IN and parent:
            parents.add(parent)
        else:
            targets |= here
    while (crowded := _crowded(parents)) is not None:
        parents = {path for path in parents if path[:-1] != crowded} | {crowded}
    return {(path, 0): (0, 0) for path in parents} | targets


def _crowded(parents: set[Path]) -> Path | None:
    """Return a path under which so many parents are asked that one request to it takes their place."""
    counts: dict[Path, int] = defaultdict(int)
    for path in parents:
        if len(path) > 1:
            counts[path[:-1]] += 1
    return next((path for path, count in counts.items() if count >= FAN_IN), None)
