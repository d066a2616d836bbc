"""The adapter in memory: one bus with its streams in one process, for tests and for the simulator.

    bus = MemoryBus()
    async with Agent(collector, path="fog/0", bus=bus):
        ...

It does what JetStream was seen to do, faults among it, and without a server, a socket or a thread.
"""

from fog_bus.memory.bus import MemoryBus
from fog_bus.memory.log import MemoryLog, MemoryLogReader
from fog_bus.memory.stream import Fate, MemoryStream

__all__ = ["Fate", "MemoryBus", "MemoryLog", "MemoryLogReader", "MemoryStream"]
