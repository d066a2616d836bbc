"""Bytes on the bus for one interval of a node with 200 series, 65 % of them changed, beside gzipped Prometheus text.

    python benchmarks/frame_bytes.py

Two nodes: 200 counters, and a mix of 160 counters, 20 histograms of eleven bounds and 20 gauges of random doubles.
Names and labels are short, which is the best case for gzip: longer ones cost the text and not the frame.
"""

from __future__ import annotations

import gzip
import random
import statistics

from fog_agent.writer import Settings, Writer
from utilityfog_frontend.telemetry import TelemetryCollector

INTERVALS = 9


def measure(counters: int, histograms: int, gauges: int) -> tuple[float, float]:
    """Median bytes of a delta and of the gzipped text."""
    rng = random.Random(1)
    collector = TelemetryCollector(self_metrics=False)
    requests = collector.register_counter("requests_total", "Requests", ["route"])
    sizes = collector.register_histogram("size_bytes", "Sizes", labels=["route"])
    levels = collector.register_gauge("level", "Levels", ["tank"])
    series = (
        [(requests.labels(route=f"/{n}").increment, lambda: rng.randrange(1, 100)) for n in range(counters)]
        + [(sizes.labels(route=f"/{n}").observe, rng.random) for n in range(histograms)]
        + [(levels.labels(tank=str(n)).set, rng.random) for n in range(gauges)]
    )
    writer = Writer([collector.watch_series()], Settings(), epoch=2**63 + 5, now=0.0)
    writer.encode_part(0.0, 1_000_000)
    frames, texts = [], []
    for _ in range(INTERVALS):
        for record, draw in rng.sample(series, round(len(series) * 0.65)):
            record(draw())
        encoded = writer.encode_delta(0.0, 1_000_000)
        assert encoded is not None
        frames.append(len(encoded.data))
        texts.append(len(gzip.compress(collector.export_to_prometheus().encode(), 6)))
    return statistics.median(frames), statistics.median(texts)


def main() -> None:
    """Measure and print."""
    for name, mix in (("200 counters", (200, 0, 0)), ("160 counters, 20 histograms, 20 gauges", (160, 20, 20))):
        frame, text = measure(*mix)
        print(f"{name:<40}frame {frame:4.0f}   gzipped text {text:5.0f}   ratio {text / frame:.1f}")


if __name__ == "__main__":
    main()
