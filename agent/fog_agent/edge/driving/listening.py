"""Listen to requests as every agent does: to its own, and to those of each place above it."""

from __future__ import annotations

from fog_bus.ports import Bus, RequestCallback
from fog_schema.paths import Path
from fog_schema.subjects import Subjects


async def listen(bus: Bus, subjects: Subjects, path: Path, requested: RequestCallback) -> None:
    """Call back for requests to `path` and to each place above it; its siblings' come as well, and are left out.

    A user of before, who may not listen to its siblings' requests, listens to its own.
    """
    *_, widest = listens = subjects.listens(path)
    asks = frozenset(subjects.asks(path))

    def sort_out(subject: str, data: bytes) -> None:
        if subject in asks:
            requested(subject, data)

    await bus.listen(listens, sort_out, instead={widest: subjects.resync(path)})
