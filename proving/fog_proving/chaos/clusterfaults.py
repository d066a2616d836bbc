"""Faults of several servers: a cluster's leaders, its majority, all of it; a hub, its leaves and their links.

Nothing is lost by any of these: an acknowledged frame is on most of the servers, and kill -9 takes no store with it.
"""

from __future__ import annotations

import asyncio
import random

from fog_proving.chaos.arena import Arena
from fog_proving.chaos.servers import Leaf
from fog_proving.chaos.storefaults import LONG, MOMENT, WHILE, LeftOutError, refusing
from fog_testing.nats_cluster import NatsCluster
from fog_testing.proxy import CLEAR, HELD


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


async def kill_hub(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of the hub; the sites go on."""
    async with arena.server_lock:
        arena.kill_server()
        await asyncio.sleep(rng.uniform(*rng.choice((MOMENT, LONG))))
        await asyncio.to_thread(arena.server.start)
    return "with the same store"


async def pause_hub(arena: Arena, rng: random.Random) -> str:
    """SIGSTOP of the hub."""
    async with arena.server_lock:
        arena.server.pause()
        await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
        arena.server.resume()
    return "the hub"


async def kill_leaf(arena: Arena, rng: random.Random) -> str:
    """Kill -9 of a site's server."""
    path, leaf = _leaf(arena, rng)
    async with arena.server_lock:
        arena.kill_server(leaf.server)
        await asyncio.sleep(rng.uniform(*MOMENT))
        await asyncio.to_thread(leaf.server.start)
    return path


async def cut_leaf_off(arena: Arena, rng: random.Random) -> str:
    """Reset the link of a site, and refuse it for a while: the site goes on alone."""
    path, leaf = _leaf(arena, rng)
    async with arena.server_lock:
        with refusing(leaf.link):
            await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
    return path


async def hold_leaf_back(arena: Arena, rng: random.Random) -> str:
    """Bytes wait on the link of a site, in one direction or in both."""
    path, leaf = _leaf(arena, rng)
    ways = rng.choice((("up",), ("down",), ("up", "down")))
    async with arena.server_lock:
        leaf.link.impose(**dict.fromkeys(ways, HELD), old=True, new=True)
        await asyncio.sleep(rng.uniform(*rng.choice((WHILE, LONG))))
        leaf.link.impose(up=CLEAR, down=CLEAR)
    return f"{path} {'+'.join(ways)}"


def _leaf(arena: Arena, rng: random.Random) -> tuple[str, Leaf]:
    if not arena.servers.leaves:
        raise LeftOutError("there are no leaves")
    return rng.choice(sorted(arena.servers.leaves.items()))


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
    if arena.servers.cluster is None:
        raise LeftOutError("one server is no cluster")
    return arena.servers.cluster
