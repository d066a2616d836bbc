"""Measure what a source on a node costs for each thing that it takes: microseconds, the least of some runs.

python benchmarks/sources.py [NAME ...]

Each benchmark is a function that yields rows: what was measured, how much one takes, and the unit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

RUNS: Final = 7


class Row(NamedTuple):
    """One figure."""

    what: str
    value: float
    unit: str


def least(run: Callable[[], object], count: int) -> float:
    """Return the microseconds of one of `count` things that `run` does, the least of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begun)
    return best / count * 1e6


BENCHMARKS: Final[dict[str, Callable[[], Iterator[Row]]]] = {}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which; all by default")
    for name in parser.parse_args().names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            print(f"{name:10} {row.what:60} {row.value:10.2f} {row.unit}")


if __name__ == "__main__":
    main()
