"""Have kernels merge frames once a fleet is large: a small one does without their memory and their start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.tasks import Loops, cancel

LOGGER: Final = logging.getLogger("fog_aggregator")

MANY_VALUES: Final = 100_000
"""From so many on kernels are made. With fewer, all of them new each second, numpy takes 1 % of a core more."""
EVERY: Final = 5.0
"""Seconds between two looks at how many there are."""


class LaterKernels:
    """A component that has a thread make kernels once a fleet is large; numpy merges until then.

    With a large checkpoint they are there before anything is read. Belongs to one event loop.

    Args:
        values: How many values the fleet has.
        load: Makes kernels; None where they cannot be made. Called in a thread.
        use: Has kernels used from now on.
        loops: Runs the loop.
    """

    def __init__(
        self,
        values: Callable[[], int],
        load: Callable[[], Kernels | None],
        use: Callable[[Kernels], None],
        loops: Loops,
    ) -> None:
        self._values = values
        self._load = load
        self._use = use
        self._loops = loops
        self._waiting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make them where the fleet is large already, and wait for it otherwise."""
        if self._values() >= MANY_VALUES:
            await self._make()
        else:
            self._waiting = self._loops.spawn(self._wait())

    async def stop(self, deadline: float) -> None:
        """End waiting."""
        del deadline  # nothing is left half done
        await cancel(self._waiting)

    async def _wait(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            if self._values() >= MANY_VALUES:
                return await self._make()

    async def _make(self) -> None:
        if (kernels := await asyncio.to_thread(self._load)) is not None:
            self._use(kernels)
            LOGGER.info("compiled kernels merge frames from now on: the fleet has %d values", self._values())
