"""The machine's own metrics beside the program's, in one collector: needs the extra [host].

python host_metrics.py nats://127.0.0.1:4222
"""

import asyncio
import sys

from fog_agent import Agent
from fog_agent.sources.host import HostMetrics
from utilityfog_frontend.telemetry import TelemetryCollector


async def main(server: str, seconds: float = 5.0) -> None:
    """Report this machine for some seconds."""
    collector = TelemetryCollector(collection_interval=1.0)
    collector.add_hook("collection", HostMetrics(collector).collect)
    await collector.start_collection()
    async with Agent(collector, path="fog/examples/host", servers=server, interval=1.0):
        await asyncio.sleep(seconds)
    await collector.stop_collection()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
