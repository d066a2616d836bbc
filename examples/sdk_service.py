"""An asyncio service that writes its metrics to a file every second, for node_exporter's textfile collector.

python sdk_service.py /var/lib/node_exporter/example.prom
"""

import asyncio
import logging
import sys

from utilityfog_frontend.telemetry import (
    PeriodicExporter,
    PrometheusAdapter,
    TelemetryCollector,
    TelemetryEvent,
    setup_messaging_hooks,
)
from utilityfog_frontend.telemetry.logs import TelemetryHandler


async def main(path: str, messages: int = 100) -> None:
    """Pass some messages through a queue; the last export has all of them."""
    collector = TelemetryCollector(collection_interval=1.0)
    setup_messaging_hooks(collector)
    logging.getLogger("example").addHandler(TelemetryHandler(collector))
    collector.add_hook("log", lambda event: print("logged:", describe(event)))

    exporter = PeriodicExporter(PrometheusAdapter(path), collector, interval=1.0)
    await collector.start_collection()
    await exporter.start()
    queue: asyncio.Queue[int] = asyncio.Queue()
    for number in range(messages):
        queue.put_nowait(number)
        collector.record_event("message_sent", {"queue_size": queue.qsize(), "processing_duration_seconds": 0.001})
    while not queue.empty():
        queue.get_nowait()
        collector.record_event("message_received", {"queue_size": queue.qsize(), "processing_duration_seconds": 0.002})
    logging.getLogger("example").warning("the queue is empty")
    await exporter.stop()
    await collector.stop_collection()


def describe(event: TelemetryEvent) -> str:
    """One line about an event."""
    return f"{event.labels['level']} {event.value}"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "/tmp/example.prom"))
