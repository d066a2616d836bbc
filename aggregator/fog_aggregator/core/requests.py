"""Whom to ask for keyframes, and when: few requests, ever rarer to those who do not answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fog_schema.frames import Request
from fog_schema.paths import Path

FAN_IN: Final = 16
"""So many that want one under a path are asked together."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
MOST_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """A writer that a keyframe, or the repetition of some events, is wanted from.

    Attributes:
        branch: it writes a rollup: who is asked together with others hears it as one of the nodes there.
    """

    path: Path
    epoch: int
    events: tuple[int, int] = (0, 0)
    branch: bool = False


@dataclass(slots=True)
class _Patience:
    next_at: float
    wait: float
    events: tuple[int, int]


class KeyframeRequests:
    """Turns what is wanted into requests, with a growing pause for each target."""

    def __init__(self) -> None:
        self._patience: dict[tuple[Path, int], _Patience] = {}

    def due(self, wishes: Iterable[Wish], now: float) -> list[tuple[Path, Request]]:
        """The requests to send at `now` (monotonic seconds), at most 100."""
        targets = _together(wishes)
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


def _together(wishes: Iterable[Wish]) -> dict[tuple[Path, int], tuple[int, int]]:
    """Single wishes go to one epoch; many under one parent become one to the parent, and so on upwards.

    Not those for events: which ones, only their writer can be told. Nor those to branches: all below would answer.
    """
    single: dict[Path, dict[tuple[Path, int], tuple[int, int]]] = defaultdict(dict)
    targets: dict[tuple[Path, int], tuple[int, int]] = {}
    for wish in wishes:
        group = targets if wish.events[1] or wish.branch else single[wish.path[:-1]]
        group[wish.path, wish.epoch] = wish.events
    parents: set[Path] = set()
    for parent, wanted in single.items():
        if len(wanted) >= FAN_IN and parent:
            parents.add(parent)
        else:
            targets |= wanted
    while (crowded := _crowded(parents)) is not None:
        parents = {path for path in parents if path[:-1] != crowded} | {crowded}
    return {(path, 0): (0, 0) for path in parents} | targets


def _crowded(parents: set[Path]) -> Path | None:
    counts: dict[Path, int] = defaultdict(int)
    for path in parents:
        if len(path) > 1:
            counts[path[:-1]] += 1
    return next((path for path, count in counts.items() if count >= FAN_IN), None)
