"""Faults of processes and of their connections. Each has a generator of its own, and undoes what it did.

A fault holds its target's lock, so that no two meet in one place; in different places they overlap as they like. Locks
are taken in one order: the server's or a process of nodes', then `mortal`, then an aggregator's.
"""

from __future__ import annotations

import asyncio
import random
import resource
import shutil
from pathlib import Path
from typing import Final

from fog_aggregator.core.checkpoint_keeper import KEPT
from fog_proving.chaos.arena import Arena, Target
from fog_proving.chaos.storefaults import LONG, MOMENT, WHILE, LeftOutError, refusing
from fog_testing.clock import ProgramClock, why_no_clock
from fog_testing.proxy import BLACK_HOLE, CLEAR, HELD, Conditions, Direction

CLOCK_STEPS: Final = (-86_400, -3_600, -30, 30, 3_600, 86_400)
SERVER_CLOCKS: Final = (-3_600, -40, 0, 40, 90, 3_600)
"""Seconds that a server's clock is ahead of the machine's; less than the streams keep their messages."""
MONTH: Final = 30 * 86_400


# Nodes


async def kill_nodes(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of a process of nodes; the next one has the same paths."""
    fleet = rng.choice(arena.fleets)
    async with fleet.lock:
        async with arena.mortal:
            await arena.secure_the_living(fleet)
            await asyncio.sleep(rng.uniform(0, 1))
            arena.kill(fleet)
        await asyncio.sleep(rng.uniform(*MOMENT))
        arena.start_fleet(fleet)
    return fleet.name


async def stop_nodes(arena: Arena, rng: random.Random) -> str:
    """End a process of nodes in good order, as far as it can just then, and begin the next one at the same paths."""
    fleet = rng.choice(arena.fleets)
    async with fleet.lock:
        async with arena.mortal:
            await arena.secure_the_living(fleet)
            if fleet.child is not None:
                await fleet.child.stop()
        await asyncio.sleep(rng.uniform(*MOMENT))
        arena.start_fleet(fleet)
    return fleet.name


async def replace_nodes(arena: Arena, rng: random.Random) -> str:
    """Restart while rolling: begin the next process under the same paths before the last one ends."""
    fleet = rng.choice(arena.fleets)
    async with fleet.lock, arena.mortal:
        old = fleet.child
        await arena.secure_the_living(fleet)
        arena.start_fleet(fleet)
        await asyncio.sleep(rng.uniform(*WHILE))
        if old is not None:
            await old.stop()
    return fleet.name


async def double_nodes(arena: Arena, rng: random.Random) -> str:
    """Start a second process under the same paths and kill it; the first goes on, and its gauges count again."""
    fleet = rng.choice(arena.fleets)
    async with fleet.lock, arena.mortal:
        first = fleet.child, fleet.life
        arena.start_fleet(fleet)
        await asyncio.sleep(rng.uniform(*WHILE))
        arena.kill(fleet)
        fleet.child, fleet.life = first
    return fleet.name


async def pause_nodes(arena: Arena, rng: random.Random) -> str:
    """SIGSTOP of a process of nodes."""
    return await _pause(rng.choice(arena.fleets), rng)


async def step_clock(arena: Arena, rng: random.Random) -> str:
    """Step the wall clock of a process of nodes."""
    fleet, step = rng.choice(arena.fleets), rng.choice(CLOCK_STEPS)
    async with fleet.lock:
        if fleet.child is not None:
            fleet.child.say(f"clock {step}")
    return f"{fleet.name} by {step} s"


# Servers' clocks


async def set_server_clock(arena: Arena, rng: random.Random) -> str:
    """Set the clock of a server; it stays so until it is set again, over restarts as well."""
    name, ahead = rng.choice(sorted(arena.servers.every)), rng.choice(SERVER_CLOCKS)
    async with arena.server_lock:
        _clock_of(arena, name).set_ahead(ahead)
    return f"{name} {ahead:+} s"


async def leap_a_month(arena: Arena, rng: random.Random) -> str:
    """Let the server's clock be a month ahead for a moment: it may drop what is older than streams keep messages."""
    async with arena.server_lock, arena.mortal:
        clock = _clock_of(arena, rng.choice(sorted(arena.servers.every)))
        await arena.secure_the_dead()
        arena.tear()
        before = clock.ahead
        clock.set_ahead(MONTH)
        await asyncio.sleep(rng.uniform(*WHILE))
        clock.set_ahead(before)
    return f"and back to {before:+g} s"


# Aggregators


async def kill_aggregator(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of an aggregator, at any moment of writing a checkpoint; it begins again with the last one."""
    reader = rng.choice(arena.readers)
    async with reader.lock:
        arena.kill(reader)
        await asyncio.sleep(rng.uniform(*MOMENT))
        arena.start_reader(reader)
    return reader.name


async def stop_aggregator(arena: Arena, rng: random.Random) -> str:
    """End an aggregator in good order, and begin it again."""
    reader = rng.choice(arena.readers)
    async with reader.lock:
        if reader.child is not None:
            await reader.child.stop()
        await asyncio.sleep(rng.uniform(*MOMENT))
        arena.start_reader(reader)
    return reader.name


async def pause_aggregator(arena: Arena, rng: random.Random) -> str:
    """SIGSTOP of an aggregator."""
    return await _pause(rng.choice(arena.readers), rng)


async def damage_checkpoint(arena: Arena, rng: random.Random) -> str:
    """Kill -9, and the newest checkpoint is cut or has a bit flipped: the one before is used."""
    reader = rng.choice(arena.readers)
    async with reader.lock:
        arena.kill(reader)
        try:
            _damage_newest(reader.state_dir, rng)
        finally:
            arena.start_reader(reader)
    return reader.name


async def forget_checkpoints(arena: Arena, rng: random.Random) -> str:
    """Kill -9, and the state directory is gone: while the streams are whole they tell everything again."""
    reader = rng.choice(arena.readers)
    async with arena.mortal, reader.lock:
        if arena.torn:
            raise LeftOutError("the streams are not whole any more")
        arena.kill(reader)
        shutil.rmtree(reader.state_dir, ignore_errors=True)
        arena.start_reader(reader)
    return reader.name


async def fill_disk_of_checkpoints(arena: Arena, rng: random.Random) -> str:
    """No room for a checkpoint: a limit to the size of its files."""
    reader = rng.choice(arena.readers)
    async with reader.lock:
        if reader.child is None:
            return reader.name
        _limit_files(reader.child.pid, rng.choice((0, 1000, 4096)))
        await asyncio.sleep(rng.uniform(*WHILE))
        if rng.random() < 0.5:
            _limit_files(reader.child.pid, resource.RLIM_INFINITY)
        else:
            arena.kill(reader)
            arena.start_reader(reader)
    return reader.name


# Connections


async def cut(arena: Arena, rng: random.Random) -> str:
    """Every open connection is reset."""
    target = _connected(arena, rng)
    target.proxy.cut()
    return target.name


async def half_close(arena: Arena, rng: random.Random) -> str:
    """One side of every open connection ends its stream, the other goes on."""
    target = _connected(arena, rng)
    direction: Direction = "up" if rng.random() < 0.5 else "down"
    for link in target.proxy.links:
        link.half_close(direction)
    return f"{target.name} {direction}"


async def refuse(arena: Arena, rng: random.Random) -> str:
    """Reset connections, and refuse new ones for a while."""
    target = _connected(arena, rng)
    async with target.lock:
        with refusing(target.proxy):
            await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
    return target.name


async def hold_back(arena: Arena, rng: random.Random) -> str:
    """Bytes wait, in one direction or in both, of old connections or of new ones or of all."""
    return await _impose(arena, rng, HELD, rng.choice((WHILE, LONG)))


async def swallow(arena: Arena, rng: random.Random) -> str:
    """Bytes vanish; when they no longer do, what was said has a hole."""
    return await _impose(arena, rng, BLACK_HOLE, rng.choice((WHILE, LONG)))


async def slow_down(arena: Arena, rng: random.Random) -> str:
    """Bytes are delayed, or few of them get through."""
    delayed = Conditions(delay=rng.uniform(0.1, 1.5))
    return await _impose(arena, rng, rng.choice((delayed, Conditions(rate=rng.uniform(3_000, 30_000)))), LONG)


# Shared by several faults


async def _pause(target: Target, rng: random.Random) -> str:
    seconds = rng.uniform(*rng.choice((WHILE, LONG)))
    async with target.lock:
        if target.child is not None:
            target.child.pause()
            await asyncio.sleep(seconds)
            target.child.resume()
    return f"{target.name} for {seconds:.1f} s"


async def _impose(arena: Arena, rng: random.Random, conditions: Conditions, seconds: tuple[float, float]) -> str:
    target = _connected(arena, rng)
    ways = rng.choice((("up",), ("down",), ("up", "down")))
    old, new = rng.choice(((True, True), (True, False), (False, True)))
    async with target.lock:
        target.proxy.impose(**dict.fromkeys(ways, conditions), old=old, new=new)
        if new and not old:
            target.proxy.cut()  # else there would be no new ones
        await asyncio.sleep(rng.uniform(*seconds))
        target.proxy.impose(up=CLEAR, down=CLEAR)
        if rng.random() < 0.3:
            target.proxy.cut()
    return f"{target.name} {'+'.join(ways)} of {'all' if old and new else 'old' if old else 'new'} connections"


def _connected(arena: Arena, rng: random.Random) -> Target:
    """Choose a process of nodes, or as likely an aggregator."""
    many: tuple[Target, ...] = tuple(arena.fleets) if rng.random() < 0.5 else tuple(arena.readers)
    return rng.choice(many)


def _clock_of(arena: Arena, name: str) -> ProgramClock:
    if why := why_no_clock():
        raise LeftOutError(f"no server's clock can be set here: {why}")
    return arena.servers.every[name].clock


def _damage_newest(state_dir: Path, rng: random.Random) -> None:
    files = sorted(state_dir.glob("checkpoint-*.fog"))
    if len(files) < KEPT:
        raise LeftOutError("there is no other checkpoint, since the last one was damaged")
    data = bytearray(files[-1].read_bytes())
    if rng.random() < 0.5:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        del data[rng.randrange(len(data)) :]
    files[-1].write_bytes(data)


def _limit_files(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
