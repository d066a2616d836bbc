"""An agent for a program without an event loop: it lives in a thread of its own.

python attach_background_agent.py nats://127.0.0.1:4222
"""

import sys
import time

from fog_agent import BackgroundAgent
from utilityfog_frontend.telemetry import TelemetryCollector


def main(server: str, jobs: int = 100) -> None:
    """Time some jobs, and have the durations counted for the whole fleet."""
    collector = TelemetryCollector()
    duration = collector.register_histogram("example_job_duration_seconds", "Job duration")
    with BackgroundAgent(collector, path="fog/examples/sync", servers=server, interval=1.0):
        for _ in range(jobs):
            with duration.time():
                time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222")
