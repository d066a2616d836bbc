"""A bucket in memory, with the revisions of a server's."""

from __future__ import annotations

import asyncio

from fog_bus.ports import NO_ENTRY, Entry, LogError


class MemoryBucket:
    """One bucket of a bus. Implements `fog_bus.ports.Bucket`.

    Args:
        entries: The values by key.
        online: Set while the bus is connected.
    """

    def __init__(self, entries: dict[str, Entry], online: asyncio.Event) -> None:
        self._entries = entries
        self._online = online

    async def get(self, key: str) -> Entry:
        """Return the value of a key.

        Raises:
            LogError: The bus is not connected.
        """
        await self._turn()
        return self._entries.get(key, NO_ENTRY)

    async def put(self, key: str, data: bytes, revision: int) -> int:
        """Write a value where the key has this revision; return the new one, 0 where it has another.

        Raises:
            LogError: The bus is not connected.
        """
        await self._turn()
        if self._entries.get(key, NO_ENTRY).revision != revision:
            return 0
        newest = max((one.revision for one in self._entries.values()), default=0)
        self._entries[key] = Entry(newest + 1, data)
        return newest + 1

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        if not self._online.is_set():
            raise LogError("disconnected")
