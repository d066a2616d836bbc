"""Run a soak: a server, an aggregator, a swarm, an agent, healthy programs with churn, and one hostile path."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp

from fog_agent import NatsOptions
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_proving.chaos.processes import Child
from fog_proving.soak.attacks import ATTACKS, MAX_PAYLOAD
from fog_proving.soak.books import judge_counts, judge_events, judge_reading
from fog_proving.soak.churn import Churn
from fog_proving.soak.verdict import AGGREGATOR, COUNTS, ENDED, MEMORY, Plan, Result, judge, swarm_book
from fog_proving.soak.watching import Watch
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually

HOSTILE: Final = "fog.hostile"
SERVER: Final = f"max_payload: {MAX_PAYLOAD}\nmax_subscriptions: 64\n"
"""The limits of the shipped configurations."""
_START_SECONDS: Final = 60.0


async def soak(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Result:
    """Run it in a folder."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(NatsServer(config=SERVER, directory=folder / "nats"))
        port = free_port()
        url, common = f"http://127.0.0.1:{port}", ["--nats", server.url, "--stop-on-eof"]
        arguments = ["--listen", f"127.0.0.1:{port}", "--state-dir", str(folder / "state"), *plan.bounds]
        aggregator = _child(stack, ["aggregator", *common, *arguments, *plan.options], folder)
        await eventually(lambda: _answers(url), deadline=_START_SECONDS, what="the aggregator is ready")
        agent = _child(stack, ["agent", *common, "--path", "fog/host", "--interval", "1s"], folder)
        watch = Watch({AGGREGATOR: aggregator.pid, "agent": agent.pid, "nats-server": server.pid}, url)
        result = await _endure(plan, server.url, watch, tell)
        for child in (aggregator, agent):
            if child.ended:
                result.find(ENDED, f"a process {child.why_ended()}")
        return result


async def _endure(plan: Plan, server: str, watch: Watch, tell: Callable[[str], None]) -> Result:
    """Let the hostile path attack while healthy nodes count, then let these hand over what they have."""
    stop, churn, sent = asyncio.Event(), Churn(server), Counter[str]()
    swarm, counting = asyncio.create_task(_swarm(plan, server)), asyncio.create_task(churn.run(stop))
    watching = asyncio.create_task(watch.run())
    hostile = asyncio.create_task(_attack(plan, server, sent, tell))
    try:
        await asyncio.wait({counting, watching, hostile}, timeout=plan.seconds, return_when=asyncio.FIRST_COMPLETED)
        too_much = watching.done() and not watching.result()
        hostile.cancel()
        watching.cancel()
        stop.set()
        result = judge(plan, watch, sent)
        if too_much:
            result.find(MEMORY, "a process has taken far too much memory: this is no soak any more")
            return result
        tell("the hostile path is quiet: healthy nodes hand over their last counts")
        counted = swarm_book(await swarm, result)
        if not await counting:
            result.find(COUNTS, "not all frames of the programs with churn were acknowledged")
        await judge_counts(watch.url, [counted, churn.book()], result)
        await judge_reading(watch.url, result)
        await judge_events(watch.url, churn.events, result)
        return result
    finally:
        for task in (swarm, counting, watching, hostile):
            task.cancel()


def _child(stack: AsyncExitStack, arguments: Sequence[str], folder: Path) -> Child:
    child = Child("fog_cli", arguments, folder / f"{arguments[0]}.log")
    stack.push_async_callback(child.stop)
    return child


async def _swarm(plan: Plan, server: str) -> dict[str, Any]:
    """Run the swarm of healthy nodes to its end; return what it says."""
    arguments = ["--nodes", str(plan.nodes), "--series", "10", "--interval", "1s", "--churn", "5", "--restarts", "2"]
    arguments += ["--losses", "1", "--path", "fog/swarm", "--duration", f"{plan.seconds:g}s", "--json"]
    arguments += ["--seed", str(plan.seed), "--nats", server, "--no-check"]
    command = [sys.executable, "-m", "fog_cli", "swarm", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    found: dict[str, Any] = json.loads(output) if output.strip() else {"error": errors.decode()[-300:]}
    return found


async def _attack(plan: Plan, server: str, sent: Counter[str], tell: Callable[[str], None]) -> None:
    """Send what each attack in turn has, so many bytes a second."""
    random = Random(plan.seed)
    async with Connection(NatsOptions(servers=(server,), name="hostile")) as connection:
        link = Link(connection)
        for name in cycle(ATTACKS):
            tell(f"the hostile path: {name}")
            until, began, size = time.monotonic() + plan.turn, time.monotonic(), 0
            for kind, data in ATTACKS[name](random):
                await link.send(f"fog.v1.{kind}.{HOSTILE}", data)
                sent[name] += 1
                size += len(data)
                await asyncio.sleep(max(0.0, began + size / plan.rate - time.monotonic()))
                if time.monotonic() > until:
                    break


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
