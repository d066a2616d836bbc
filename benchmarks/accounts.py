"""Measure what a publish from one account of a nats-server into another costs: microseconds of the server's CPU.

python benchmarks/accounts.py [--messages 40000]

One client publishes 400 bytes to a stream and waits for up to 500 acknowledgements at a time, as a user of the account
that has the stream, and as one of an account that imports its subjects. They take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path
from typing import Final

import nats
from nats.aio.msg import Msg

from fog_testing.nats_server import NatsServer

CONFIG: Final = """
accounts {
  FOG { jetstream: enabled, exports: [{ service: "fog.v1.metrics.>" }], users: [{ user: inside, password: x }] }
  NODES {
    imports: [{ service: { account: FOG, subject: "fog.v1.metrics.>" } }]
    users: [{ user: outside, password: x }]
  }
}
"""
PAYLOAD: Final = b"x" * 400
WINDOW: Final = 500
ROUNDS: Final = 3
TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def publish(url: str, user: str, messages: int) -> float:
    """Publish, wait for all acknowledgements, and return how many came in a second."""
    client = await nats.connect(url, user=user, password="x")
    window, inbox, answered = asyncio.Semaphore(WINDOW), client.new_inbox(), 0
    done = asyncio.Event()

    async def acknowledged(_: Msg) -> None:
        nonlocal answered
        answered += 1
        window.release()
        if answered == messages:
            done.set()

    await client.subscribe(f"{inbox}.*", cb=acknowledged)
    began = time.perf_counter()
    for number in range(messages):
        await window.acquire()
        await client.publish("fog.v1.metrics.fog.0.3", PAYLOAD, reply=f"{inbox}.{number}")
    await done.wait()
    rate = messages / (time.perf_counter() - began)
    await client.close()
    return rate


async def main(messages: int) -> None:
    """Measure in turns."""
    with NatsServer(config=CONFIG) as server:
        client = await nats.connect(server.url, user="inside", password="x")
        await client.jetstream().add_stream(name="FOG_METRICS", subjects=["fog.v1.metrics.>"])
        await client.close()
        for _ in range(ROUNDS):
            for user in ("inside", "outside"):
                before = cpu_seconds(server.pid)
                rate = await publish(server.url, user, messages)
                each = (cpu_seconds(server.pid) - before) / messages * 1e6
                print(f"{user:8} {rate:7.0f} messages/s, {each:5.1f} µs of the server's CPU each")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000)
    asyncio.run(main(parser.parse_args().messages))
