"""Measure what a frame costs many agents in one process: CPU time, from the interval's end to the acknowledgement.

    python benchmarks/agents.py [--agents 300] [--interval 1] [--seconds 10] [--shared]

Each agent has a collector with the 200 series of `agent_delta.py`, 65 % of them change once in each interval, and a
connection of its own to a real nats-server, which is another process; with `--shared` there is one connection. All
run in one event loop, and encode in it (`aside=False`), as an agent of `fog agent` does. The programs' own work is
measured apart, and subtracted. Frames are counted by their numbers when they are encoded.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from contextlib import AsyncExitStack

from figures import note
from mixture import Program

from fog_agent import Agent
from fog_agent.edge.options import AgentOptions
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.streams import metrics_stream
from fog_bus.transports import open_transport
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer

SETTLE_INTERVALS = 3
"""Connections, first keyframes and their acknowledgements are not measured."""


async def streams(url: str) -> None:
    """Make the stream that the frames go to."""
    transport = open_transport(NatsOptions.parse(url))
    async with transport:
        await transport.connected(10)
        await transport.provide(metrics_stream(Subjects(AgentOptions.prefix)))


async def measure(url: str, agents: int, interval: float, seconds: float, *, shared: bool) -> tuple[float, int]:
    """Return the CPU seconds that agents took in so many seconds, and their frames."""
    await streams(url)
    programs = [Program(counters=150, gauges=40, histograms=10, self_metrics=False) for _ in range(agents)]
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Connection(NatsOptions.parse(url))) if shared else None
        running = [
            Agent(program.collector, path=f"fog/{number}", servers=url, interval=interval, connection=one)
            for number, program in enumerate(programs)
        ]
        for agent in running:
            await agent.start(aside=False)
            stack.push_async_callback(agent.stop)
        worked = 0.0
        before: tuple[float, float, int] = (0.0, 0.0, 0)
        began = time.monotonic()
        for turn in range(SETTLE_INTERVALS + round(seconds / interval)):
            if turn == SETTLE_INTERVALS:
                before = time.process_time(), worked, sum(agent.sent.seq for agent in running)
            started = time.process_time()
            for program in programs:
                program.work()
            worked += time.process_time() - started
            await asyncio.sleep(max(0.0, began + (turn + 1) * interval - time.monotonic()))
        took = time.process_time() - before[0] - (worked - before[1])
        return took, sum(agent.sent.seq for agent in running) - before[2]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--shared", action="store_true", help="one connection for all of them")
    options = parser.parse_args()
    with NatsServer() as server:
        took, frames = asyncio.run(
            measure(server.url, options.agents, options.interval, options.seconds, shared=options.shared)
        )
    microseconds = took / frames * 1e6
    of_due = frames / (options.agents * options.seconds / options.interval)
    connections = "one connection" if options.shared else "a connection each"
    print(f"{options.agents} agents at {options.interval:g} s, {connections}: {microseconds:.0f} µs of CPU a frame")
    print(f"{frames} frames, {of_due:.0%} of those due; load {os.getloadavg()[0]:.1f}")
    note("agents us", microseconds)


if __name__ == "__main__":
    main()
