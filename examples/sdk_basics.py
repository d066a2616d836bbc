"""Metrics of a program that does some work, printed as Prometheus text.

python sdk_basics.py
"""

import random

from utilityfog_frontend.telemetry import TelemetryCollector


def main(jobs: int = 50) -> None:
    """Do some jobs, let some fail, and show what was counted."""
    collector = TelemetryCollector()
    done = collector.register_counter("example_jobs_total", "Jobs by outcome", ["outcome"])
    errors = collector.register_counter("example_errors_total", "Jobs that raised")
    duration = collector.register_histogram("example_job_duration_seconds", "Job duration", [0.0001, 0.001, 0.01])
    waiting = collector.register_gauge("example_jobs_waiting", "Jobs still to do", rollup="sum")
    collector.register_info("example_info", "This program", {"version": "1.0"})

    queue = list(range(jobs))
    waiting.set_function(lambda: len(queue))

    @duration.time()
    @errors.count_exceptions(ValueError)
    def work(job: int) -> None:
        if job % 10 == 3:
            raise ValueError(f"job {job} cannot be done")
        sum(random.random() for _ in range(100))

    while queue:
        try:
            work(queue.pop())
        except ValueError:
            done.labels(outcome="failed").increment()
        else:
            done.labels(outcome="ok").increment()
    print(collector.export_to_prometheus())


if __name__ == "__main__":
    main()
