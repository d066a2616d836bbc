"""Measure what a frame costs its reader before it is merged: decoding and checking, beside msgpack alone.

    python benchmarks/decode.py

Medians of repeated runs of `timeit`.
"""

from __future__ import annotations

import random
import statistics
import timeit
from collections.abc import Callable

import msgpack

from fog_schema.codec import decode, encode
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.frames import DELTA, Frame, Histograms, Numbers

CALLS = 10_000


def frames() -> dict[str, Frame]:
    """Deltas of a node with 150 counters, 40 gauges and 10 histograms."""
    rng = random.Random(1)
    counters = sorted(rng.sample(range(150), 100))
    gauges = sorted(rng.sample(range(160, 200), 26))
    histograms = list(range(150, 157))
    busy = Frame(DELTA, 2**63 + 5, 77, age_ms=1_234_567)
    busy.counters = Numbers(pack_ids(counters), pack_ints([rng.randrange(250) for _ in counters]))
    busy.gauges = Numbers(pack_ids(gauges), pack_floats([rng.random() for _ in gauges]))
    busy.histograms = (Histograms(12, pack_ids(histograms), pack_ints([1] * 84), pack_floats([1.5] * 7)),)
    few = Frame(DELTA, 2**63 + 5, 78, counters=Numbers(pack_ids([3, 100, 900, 5000]), pack_ints([1] * 4)))
    whole = Frame(
        DELTA, 2**63 + 5, 79, counters=Numbers(pack_ids(range(200)), pack_ints(rng.choices(range(250), k=200)))
    )
    return {
        "200 series, 65 % changed": busy,
        "200 counters": whole,
        "4 counters": few,
        "nothing changed": Frame(DELTA, 2**63 + 5, 80),
    }


def cost(call: Callable[[], object]) -> float:
    """Microseconds a call."""
    return statistics.median(timeit.repeat(call, number=CALLS, repeat=11)) / CALLS * 1e6


def main() -> None:
    """Measure and print."""
    for name, frame in frames().items():
        data = encode(frame)
        bare = cost(lambda data=data: msgpack.unpackb(data, strict_map_key=False))  # type: ignore[misc]
        checked = cost(lambda data=data: decode(data))  # type: ignore[misc]
        print(f"{name:<26}{len(data):>5} bytes  msgpack {bare:4.1f} µs  decode {checked:4.1f} µs")


if __name__ == "__main__":
    main()
