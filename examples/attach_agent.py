"""An agent for a program that runs on asyncio: what the collector counts is on the fleet's /metrics.

fog demo                                  # in another terminal; it says where its NATS is
python attach_agent.py nats://127.0.0.1:PORT
"""

import asyncio
import sys

from fog_agent import Agent
from utilityfog_frontend.telemetry import TelemetryCollector


async def main(server: str, jobs: int = 100) -> None:
    """Count some jobs, and have them counted for the whole fleet."""
    collector = TelemetryCollector()
    done = collector.register_counter("example_jobs_total", "Jobs done")
    async with Agent(collector, path="fog/examples/async", servers=server, interval=1.0, handle_signals=True):
        for _ in range(jobs):
            done.increment()
            await asyncio.sleep(0.01)
    # Here the last count has been acknowledged, or is kept for the next agent of this collector.


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
