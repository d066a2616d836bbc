"""Faults of a cluster of servers: leaders are killed, stand still, step down; it loses its majority, and all servers.

Nothing is lost by any of these: an acknowledged frame is on most of the servers, and kill -9 takes no store with it.
"""

from __future__ import annotations

import asyncio
import random

from fog_proving.chaos.arena import Arena
from fog_proving.chaos.storefaults import LONG, MOMENT, WHILE, LeftOutError
from fog_testing.nats_cluster import NatsCluster


async def kill_leader(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of the server that leads a stream, or JetStream; it comes back before or after the election."""
    stream, cluster = _stream(arena, rng), _cluster(arena)
    async with arena.server_lock:
        name = await _leader(cluster, stream)
        arena.kill_server(cluster.servers[name])
        await asyncio.sleep(rng.uniform(*rng.choice((MOMENT, LONG))))
        await asyncio.to_thread(cluster.servers[name].start)
    return f"{name}, which led {stream or 'JetStream'}"


async def pause_leader(arena: Arena, rng: random.Random) -> str:
    """SIGSTOP of the server that leads a stream: it goes on, and learns that it leads no more."""
    stream, cluster = _stream(arena, rng), _cluster(arena)
    async with arena.server_lock:
        name = await _leader(cluster, stream)
        cluster.servers[name].pause()
        await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
        cluster.servers[name].resume()
    return f"{name}, which led {stream or 'JetStream'}"


async def step_leader_down(arena: Arena, rng: random.Random) -> str:
    """Another server leads a stream from now on, as when an operator moves it."""
    stream = rng.choice(arena.streams)
    async with arena.server_lock:
        await arena.direct.jetstream.call(f"STREAM.LEADER.STEPDOWN.{stream}")
    return stream


async def lose_quorum(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of all servers but one: nothing is acknowledged before most of them are back."""
    cluster = _cluster(arena)
    async with arena.server_lock:
        names = rng.sample(sorted(cluster.servers), len(cluster.servers) - 1)
        await _restart(arena, cluster, names, rng)
    return " and ".join(names)


async def kill_cluster(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of all servers."""
    cluster = _cluster(arena)
    async with arena.server_lock:
        await _restart(arena, cluster, sorted(cluster.servers), rng)
    return "all servers"


async def _restart(arena: Arena, cluster: NatsCluster, names: list[str], rng: random.Random) -> None:
    for name in names:
        arena.kill_server(cluster.servers[name])
    await asyncio.sleep(rng.uniform(*WHILE))
    for name in names:
        await asyncio.to_thread(cluster.servers[name].start)


async def _leader(cluster: NatsCluster, stream: str) -> str:
    name = await asyncio.to_thread(cluster.leader, stream)
    if name is None:
        raise LeftOutError(f"nobody leads {stream or 'JetStream'}")
    return name


def _stream(arena: Arena, rng: random.Random) -> str:
    return rng.choice((*arena.streams, ""))


def _cluster(arena: Arena) -> NatsCluster:
    if arena.cluster is None:
        raise LeftOutError("one server is no cluster")
    return arena.cluster
