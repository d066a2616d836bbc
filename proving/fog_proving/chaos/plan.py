"""Which faults happen, and when: drawn from a seed. When they take effect, the machine has its say."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fog_bus.nats.api import JetStreamError
from fog_proving.chaos import clusterfaults, faults, storefaults
from fog_proving.chaos.arena import Arena

Fault: TypeAlias = Callable[[Arena, random.Random], Awaitable[str]]
"""Happens, and says to what."""
Deck: TypeAlias = Mapping[Fault, int]
"""Faults, and how often each comes before all come again."""

NODES: Final[Deck] = {
    faults.kill_nodes: 4,
    faults.stop_nodes: 2,
    faults.replace_nodes: 2,
    faults.double_nodes: 1,
    faults.pause_nodes: 1,
    faults.step_clock: 1,
}
AGGREGATORS: Final[Deck] = {
    faults.forget_checkpoints: 1,
    faults.kill_aggregator: 4,
    faults.stop_aggregator: 1,
    faults.pause_aggregator: 1,
    faults.damage_checkpoint: 1,
    faults.fill_disk_of_checkpoints: 1,
}
CONNECTIONS: Final[Deck] = {
    faults.cut: 2,
    faults.half_close: 2,
    faults.refuse: 1,
    faults.hold_back: 2,
    faults.swallow: 2,
    faults.slow_down: 1,
    storefaults.deliver_again: 3,
}
SERVER: Final[Deck] = {
    storefaults.kill_server: 4,
    storefaults.pause_server: 1,
    storefaults.refuse_frames: 1,
    storefaults.wipe_store: 1,
    storefaults.delete_streams: 1,
    storefaults.roll_back_store: 2,
    storefaults.damage_store: 2,
    storefaults.fill_disk_of_store: 1,
    storefaults.trim_streams: 1,
    faults.set_server_clock: 2,
    faults.leap_a_month: 1,
}
CLUSTER: Final[Deck] = {
    clusterfaults.kill_leader: 4,
    clusterfaults.step_leader_down: 2,
    clusterfaults.pause_leader: 1,
    clusterfaults.lose_quorum: 1,
    clusterfaults.kill_cluster: 1,
    faults.set_server_clock: 3,
}
LEAVES: Final[Deck] = {
    clusterfaults.kill_hub: 2,
    clusterfaults.pause_hub: 1,
    clusterfaults.kill_leaf: 3,
    clusterfaults.cut_leaf_off: 3,
    clusterfaults.hold_leaf_back: 1,
    faults.set_server_clock: 3,
}
CLOCKS: Final = (faults.set_server_clock, faults.leap_a_month)
DECKS: Final = (NODES, AGGREGATORS, CONNECTIONS)
"""Of each, and of the servers' one, one fault at a time; those of different decks overlap as they like."""
EVERY_DECK: Final = (*DECKS, SERVER, CLUSTER, LEAVES)

BETWEEN: Final = (0.2, 3.0)
"""Seconds between two faults of a deck."""


@dataclass(slots=True)
class Plan:
    """Deals faults until the time is over, and lets those that began come to their end.

    Args:
        seed: of all that is drawn.
        duration: seconds.
        only: the names of the faults to deal; all of them when empty.
        tell: takes a line for each fault.

    Attributes:
        done: how often each has happened.
        left_out: those that could not happen.
    """

    seed: int
    duration: float
    only: Sequence[str] = ()
    tell: Callable[[str], None] = print
    done: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def sets_clocks(self) -> bool:
        """Whether clocks of servers are set."""
        return not self.only or bool({one.__name__ for one in CLOCKS} & {*self.only})

    async def run(self, arena: Arena) -> None:
        """Break things."""
        rng = random.Random(self.seed)
        end = time.monotonic() + self.duration
        async with asyncio.TaskGroup() as group:
            for deck in (*DECKS, _of_servers(arena)):
                if cards := self._cards(deck):
                    group.create_task(self._deal(cards, arena, random.Random(rng.random()), end))

    def _cards(self, deck: Deck) -> list[Fault]:
        return [
            fault for fault, times in deck.items() for _ in range(times) if not self.only or fault.__name__ in self.only
        ]

    async def _deal(self, cards: list[Fault], arena: Arena, rng: random.Random, end: float) -> None:
        for fault in _shuffled(cards, rng):
            await asyncio.sleep(rng.uniform(*BETWEEN))
            if time.monotonic() > end:
                return
            await self._happen(fault, arena, random.Random(rng.random()))

    async def _happen(self, fault: Fault, arena: Arena, rng: random.Random) -> None:
        name, began = fault.__name__, time.monotonic()
        try:
            report = await fault(arena, rng)
        except (TimeoutError, JetStreamError, storefaults.LeftOutError) as error:
            self.left_out[name] += 1
            report = f"left out: {error}"
        else:
            self.done[name] += 1
        self.tell(f"{name}: {report} ({time.monotonic() - began:.1f} s)")


def _of_servers(arena: Arena) -> Deck:
    if arena.servers.cluster is not None:
        return CLUSTER
    return LEAVES if arena.servers.leaves else SERVER


def _shuffled(cards: list[Fault], rng: random.Random) -> Iterator[Fault]:
    """Every card in an order of chance; then again, in another; for ever."""
    while True:
        rng.shuffle(cards)
        yield from cards
