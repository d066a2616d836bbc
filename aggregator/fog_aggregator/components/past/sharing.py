"""Compute a thing once for all who want it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True)
class _Running(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


def look_at(task: asyncio.Task[Any]) -> None:
    """Take note of a task's error, which may have nobody any more who waits for it."""
    if not task.cancelled():
        task.exception()


class Shared(Generic[K, T]):
    """Work that is under way, by its key. Belongs to one event loop."""

    def __init__(self) -> None:
        self._running: dict[K, _Running[T]] = {}

    async def get(self, key: K, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what `make` returns, or what the call that is under way for the same key will return.

        The work is cancelled when nobody waits for it any more, and its error is raised to all who do.
        """
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = _Running(asyncio.create_task(make()))
            running.task.add_done_callback(look_at)
        running.waiting += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.waiting -= 1
            if running.task.done() or not running.waiting:
                if self._running.get(key) is running:
                    del self._running[key]
                running.task.cancel()

    async def cancel(self) -> None:
        """End all that is under way."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
