"""Measure what fairness by subject costs a nats-server, and a look at who holds how much of a stream.

python benchmarks/subjects.py [--subjects 100000] [--each 4]

Streams of the same messages, 400 bytes each, without `max_msgs_per_subject`, with one that nobody reaches and with one
that everybody reaches: the server's CPU for each message stored, and its resident memory. Then STREAM.INFO, plain and
with the number of messages of each subject: time, size, and the CPU of reading the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any, Final

import nats
from nats.aio.client import Client

from fog_testing.nats_server import NatsServer

PAYLOAD: Final = b"x" * 400
WINDOW: Final = 1000
TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def fill(client: Client, subjects: int, each: int) -> None:
    """Store messages, a subject after the other, and wait for the last one of each thousand."""
    for number in range(subjects * each):
        subject = f"fog.v1.metrics.fog.{number % subjects // 1000}.{number % subjects % 1000}"
        if number % WINDOW == WINDOW - 1:
            await client.request(subject, PAYLOAD, timeout=60)
        else:
            await client.publish(subject, PAYLOAD)


async def look(client: Client, pid: int, request: dict[str, Any]) -> None:
    """Print what a look at the stream takes."""
    before, began = cpu_seconds(pid), time.perf_counter()
    for _ in range(LOOKS):
        answer = await client.request("$JS.API.STREAM.INFO.FOG_METRICS", json.dumps(request).encode(), timeout=60)
    took, server = (time.perf_counter() - began) / LOOKS, (cpu_seconds(pid) - before) / LOOKS
    began = time.process_time()
    json.loads(answer.data)
    print(
        f"  STREAM.INFO {json.dumps(request):26} {took * 1e3:6.1f} ms, {server * 1e3:5.1f} ms of the server's CPU, "
        f"{len(answer.data) / 1e6:.2f} MB, {(time.process_time() - began) * 1e3:.1f} ms to read"
    )


LOOKS: Final = 5


async def main(subjects: int, each: int) -> None:
    """Measure."""
    for limit in (-1, 100 * each, max(1, each // 2)):
        with NatsServer() as server:
            client = await nats.connect(server.url)
            config = {"name": "FOG_METRICS", "subjects": ["fog.v1.metrics.>"], "max_msgs_per_subject": limit}
            await client.request("$JS.API.STREAM.CREATE.FOG_METRICS", json.dumps(config).encode())
            before = cpu_seconds(server.pid)
            await fill(client, subjects, each)
            used = (cpu_seconds(server.pid) - before) / subjects / each * 1e6
            print(
                f"max_msgs_per_subject {limit:4}: {used:.1f} µs of the server's CPU a message, "
                f"{resident_mib(server.pid):.0f} MiB resident"
            )
            await look(client, server.pid, {})
            await look(client, server.pid, {"subjects_filter": ">"})
            await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=4)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.subjects, arguments.each))
