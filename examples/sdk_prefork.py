"""Prefork workers, as gunicorn has them: each counts for itself from zero, and nothing is counted twice or lost.

python sdk_prefork.py

With an agent started in each worker, the workers are epochs beside each other on the node's path, and the aggregator
adds them up: there are no files to share and none to clean up.
"""

import os

from utilityfog_frontend.telemetry import TelemetryCollector

collector = TelemetryCollector()
requests = collector.register_counter("example_requests_total", "Requests served")


def worker(number: int) -> None:
    """Serve so many requests and say so."""
    for _ in range(number):
        requests.increment()
    print(f"worker {number}: {requests.get_value().value}", flush=True)


def main() -> None:
    """Count three before the fork, then let two workers count for themselves."""
    requests.increment(3)
    for number in (10, 20):
        child = os.fork()
        if child == 0:
            worker(number)
            os._exit(0)
        os.waitpid(child, 0)
    print(f"parent: {requests.get_value().value}")


if __name__ == "__main__":
    main()
