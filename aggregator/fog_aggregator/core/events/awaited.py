"""Know which writers' ranges of events are awaited: a stream has lost messages, and nothing else shows the last ones.

Of the nodes of a branch a reader takes nothing but events. Which ones a node holds its keyframes tell, and nobody asks
for another one once this is forgotten: so it is a part of the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

from fog_aggregator.core.saved import Saved, as_integer, as_number, as_path
from fog_schema.paths import Path

Writer: TypeAlias = tuple[Path, int]
"""A path and an epoch there."""


class AwaitedRanges:
    """The writers, each with the time since which it is awaited: the server's, unix seconds.

    Attributes:
        since: by path and epoch; not to be changed.
    """

    def __init__(self) -> None:
        self.since: dict[Writer, float] = {}

    def begin(self, writers: Iterable[Writer], now: float) -> None:
        """Await the ranges of these writers, and of no others."""
        self.since = dict.fromkeys(writers, now)

    def reported(self, path: Path, epoch: int, at: float) -> None:
        """Take note of a range that a frame of a time has told; one that was stored before proves nothing."""
        if at >= self.since.get((path, epoch), math.inf):
            del self.since[path, epoch]

    def forget(self, path: Path, epoch: int) -> None:
        """Await nothing of a writer any more: what was seen of it is forgotten."""
        self.since.pop((path, epoch), None)

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self.since = {writer: at + seconds for writer, at in self.since.items()}

    def image(self) -> Saved:
        """Return who is awaited."""
        return Saved({"since": [(*writer, at) for writer, at in self.since.items()]})

    def restore(self, saved: Saved) -> None:
        """Take over who was awaited."""
        records = saved.records("since", as_path, as_integer, as_number)
        self.since = {(path, epoch): float(at) for path, epoch, at in records}
