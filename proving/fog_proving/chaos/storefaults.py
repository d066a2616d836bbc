"""Faults of the server, its store and its streams.

Before a stream loses messages, those of nodes that are gone must have been read and saved (`Arena.secure_the_dead`):
the rest is promised to come back, from the nodes themselves. So that there is something unread to lose, the aggregators
are often kept away first.
"""

from __future__ import annotations

import asyncio
import random
import resource
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fog_bus.nats.api import JetStreamError
from fog_bus.streams import METRICS
from fog_proving.chaos.arena import Arena
from fog_testing.proxy import FaultProxy
from fog_testing.waiting import eventually

MOMENT: Final = (0.0, 3.0)
"""Seconds between an end and the next beginning."""
WHILE: Final = (0.5, 5.0)
"""Seconds that most conditions last."""
LONG: Final = (7.0, 14.0)
"""Longer than an acknowledgement is waited for, and than three missed heartbeats."""
GROWTH_SECONDS: Final = 60.0


class LeftOutError(Exception):
    """A fault that cannot happen now; the text says why."""


async def kill_server(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of nats-server; it begins again with the same store."""
    async with arena.server_lock:
        arena.kill_server()
        await asyncio.sleep(rng.uniform(*MOMENT))
        await _start(arena)
    return "with the same store"


async def pause_server(arena: Arena, rng: random.Random) -> str:
    """SIGSTOP of nats-server."""
    seconds = rng.uniform(*rng.choice((WHILE, LONG)))
    async with arena.server_lock:
        arena.server.pause()
        await asyncio.sleep(seconds)
        arena.server.resume()
    return f"for {seconds:.1f} s"


async def wipe_store(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of nats-server, and its whole store is gone."""
    async with arena.server_lock, _losing(arena, rng) as how:
        arena.kill_server()
        shutil.rmtree(arena.server.store_dir)
        await _start(arena)
    return how


async def delete_streams(arena: Arena, rng: random.Random) -> str:
    """Delete the streams; the aggregator makes new ones."""
    async with arena.server_lock, _losing(arena, rng) as how:
        for stream in arena.streams:
            await arena.direct.jetstream.call(f"STREAM.DELETE.{stream}")
    return how


async def roll_back_store(arena: Arena, rng: random.Random) -> str:
    """Put an older copy of the store back, and let it grow, often past where the aggregators have read."""
    grows = rng.random() < 0.6
    copy = arena.server.directory / "copy"
    async with arena.server_lock:
        await eventually(arena.last_sequences, what="there are streams to copy")
        arena.kill_server()
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(arena.server.store_dir, copy)
        await _start(arena)
        await asyncio.sleep(rng.uniform(1, 6))
        async with _losing(arena, rng, away=grows) as how:
            before = await arena.last_sequences() or {}
            arena.kill_server()
            shutil.rmtree(arena.server.store_dir)
            copy.rename(arena.server.store_dir)
            await _start(arena)
            if grows:
                await _grow_past(arena, before.get(METRICS, 0))
    return f"{how}, grown past them" if grows else how


async def damage_store(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of nats-server; a block of its store is cut, or one bit of it flipped."""
    async with arena.server_lock, _losing(arena, rng) as how:
        arena.kill_server()
        block = _largest_block(arena.server.store_dir, rng.choice(arena.streams))
        if block is None:
            what = "nothing to damage"
        elif rng.random() < 0.5:
            what = f"{block.name} cut"
            with block.open("r+b") as file:
                file.truncate(int(block.stat().st_size * rng.uniform(0.3, 0.9)))
        else:
            what = f"a bit of {block.name} flipped"
            data = bytearray(block.read_bytes())
            data[len(data) // 2] ^= 1 << rng.randrange(8)
            block.write_bytes(data)
        await _start(arena)
    return f"{what}, {how}"


async def fill_disk_of_store(arena: Arena, rng: random.Random) -> str:
    """Let the server write no further, as on a full disk, until it is started anew."""
    async with arena.server_lock, _losing(arena, rng) as how:
        _, hard = resource.prlimit(arena.server.pid, resource.RLIMIT_FSIZE)
        block = _largest_block(arena.server.store_dir, METRICS)
        size = block.stat().st_size if block is not None else 0
        resource.prlimit(arena.server.pid, resource.RLIMIT_FSIZE, (size, hard))
        await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
        arena.kill_server()
        await _start(arena)
    return how


async def refuse_frames(arena: Arena, rng: random.Random) -> str:
    """Fill the streams, so that they refuse new messages for a while."""
    async with arena.server_lock, AsyncExitStack() as stack:
        for stream in arena.streams:
            info = await arena.direct.jetstream.call(f"STREAM.INFO.{stream}")
            stack.push_async_callback(_configure, arena, stream, info["config"])
            full = {"discard": "new", "max_msgs": max(1, info["state"]["messages"])}
            await _configure(arena, stream, info["config"] | full)
        await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
    return "all streams"


async def trim_streams(arena: Arena, rng: random.Random) -> str:
    """Messages are purged that were not read yet: all of them, or all but the last few."""
    async with arena.server_lock, _losing(arena, rng, away=True) as how:
        spared = rng.choice((0, 5, 50))
        for stream in arena.streams:
            await arena.direct.jetstream.call(f"STREAM.PURGE.{stream}", {"keep": spared} if spared else None)
    return f"to {spared} messages, {how}"


async def deliver_again(arena: Arena, rng: random.Random) -> str:
    """Messages of long ago come once more, in another order, among the new ones."""
    several = list(arena.direct.recorded)
    chosen = rng.sample(several, min(len(several), rng.choice((20, 200, 1000))))
    delivered = 0
    for subject, payload in chosen:
        delivered += await arena.direct.jetstream.link.send(subject, payload)
        await asyncio.sleep(0.001)
    return f"{delivered} messages"


@asynccontextmanager
async def _losing(arena: Arena, rng: random.Random, *, away: bool | None = None) -> AsyncIterator[str]:
    """While inside, streams may lose messages; some aggregators are kept away from some time before, or none.

    Away means that they cannot connect, or do not run.
    """
    away = rng.random() < 0.5 if away is None else away
    paused = rng.random() < 0.5
    spared = rng.sample(arena.readers, rng.randint(1, len(arena.readers))) if away else []
    async with arena.mortal, AsyncExitStack() as stack:
        for reader in spared:
            await stack.enter_async_context(reader.lock)
        await arena.secure_the_dead()
        arena.tear()
        for reader in spared:
            if paused and reader.child is not None:
                reader.child.pause()
                stack.callback(reader.child.resume)
            else:
                stack.enter_context(refusing(reader.proxy))
        if away:
            await asyncio.sleep(rng.uniform(*WHILE))
        names = ", ".join(reader.name for reader in spared)
        yield f"{names} {'paused' if paused else 'cut off'} before" if away else "under the aggregators' eyes"


async def _configure(arena: Arena, stream: str, config: Mapping[str, Any]) -> None:
    async def done() -> bool:
        with suppress(JetStreamError):
            return bool(await arena.direct.jetstream.call(f"STREAM.UPDATE.{stream}", config))
        return False

    await eventually(done, what=f"{stream} is configured")


@contextmanager
def refusing(proxy: FaultProxy) -> Iterator[None]:
    """While inside, connections are reset, new ones too."""
    proxy.refuse_new = True
    proxy.cut()
    try:
        yield
    finally:
        proxy.refuse_new = False


async def _start(arena: Arena) -> None:
    await asyncio.to_thread(arena.server.start)


async def _grow_past(arena: Arena, sequence: int) -> None:
    async def has_grown() -> bool:
        last = await arena.last_sequences()
        return last is not None and last[METRICS] > sequence

    await eventually(has_grown, deadline=GROWTH_SECONDS, what="the stream has grown past its readers")


def _largest_block(store: Path, stream: str) -> Path | None:
    blocks = store.glob(f"jetstream/*/streams/{stream}/msgs/*.blk")
    return max(blocks, key=lambda block: block.stat().st_size, default=None)
