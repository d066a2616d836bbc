"""Measure the CPU that an agent costs a program which ends at once, as cron runs them: milliseconds, in medians.

python benchmarks/short_job.py [--runs 9]

Each program is a process of its own; they take turns, so that a busy machine is as unfair to one as to the other.
`with aiohttp` is the job as it would be if nats-py imported aiohttp with it.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from typing import Final

from fog_testing.nats_server import NatsServer

JOB: Final = """
import os
from fog_agent import BackgroundAgent
from utilityfog_frontend.telemetry import TelemetryCollector
collector = TelemetryCollector()
files = collector.register_counter("backup_files_total", "Files saved")
with BackgroundAgent(collector, path="fog/0/3/backup", servers=os.environ["SERVER"], ephemeral=True):
    files.increment(7)
"""

STREAMS: Final = """
import asyncio, os
import nats

async def main():
    client = await nats.connect(os.environ["SERVER"])
    await client.jetstream().add_stream(name="FOG_METRICS", subjects=["fog.v1.metrics.>"])
    await client.jetstream().add_stream(name="FOG_EVENTS", subjects=["fog.v1.events.>"])
    await client.close()

asyncio.run(main())
"""

PROGRAMS: Final = {
    "python alone": "pass",
    "and asyncio": "import asyncio",
    "and the SDK": "import asyncio, utilityfog_frontend.telemetry",
    "and the agent": "from fog_agent import BackgroundAgent",
    "a whole job": JOB,
    "with aiohttp": f"import aiohttp\n{JOB}",
}


def cpu_of(program: str, environ: dict[str, str]) -> float:
    """Run a program and return its CPU time in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Print a line for each program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9)
    runs: int = parser.parse_args().runs
    with NatsServer() as server:
        environ = os.environ | {"SERVER": server.url}
        cpu_of(STREAMS, environ)
        taken = [[cpu_of(program, environ) for program in PROGRAMS.values()] for _ in range(runs)]
    for name, times in zip(PROGRAMS, zip(*taken, strict=True), strict=True):
        print(f"{name:<14} {statistics.median(times):4.0f} ms")


if __name__ == "__main__":
    main()
