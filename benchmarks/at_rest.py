"""Show what an aggregator costs that nobody needs to wait for: checkpoints, one node's questions, a newcomer.

    python benchmarks/at_rest.py                   100,000 nodes x 100 counters: two minutes, 3 GB
    python benchmarks/at_rest.py --nodes 10000

Each operation on one node stands beside the same on the whole fleet, in one run; ratios are what matters. Times are of
the processor; "held" is by the clock, how long whoever reads frames had to wait.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from figures import note
from rollup import NOW, ROUNDS, Watch, fleet, node_frame, timed

from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.components.checkpoints.options import CheckpointOptions
from fog_aggregator.core.checkpoint import take_image
from fog_aggregator.core.checkpoint_keeper import SavingBudget
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.frames import Frame


async def measure_checkpoints(network: NetworkCollector) -> None:
    """Print what one checkpoint costs, and what the pauses make of it."""
    with tempfile.TemporaryDirectory() as directory, CheckpointFiles(Path(directory)) as files:
        began = time.perf_counter()
        child = files.begin(lambda: take_image(network.fleet, network.events, Ratchet(), {}, ("fog.v1", (), ())))
        held = time.perf_counter() - began
        size, cpu = await child.finished()
        took = time.perf_counter() - began
    print(f"a checkpoint: {size / 1e6:.0f} MB, {cpu:.2f} s of processor time, {took:.2f} s, held {held * 1e3:.0f} ms")
    options = CheckpointOptions()
    budget = SavingBudget(options.checkpoint_share, options.checkpoint_bytes_a_day)
    paced = max(options.checkpoint_interval, budget.pause(took, size))
    print("| pause s | a day | of a core | may be lost with the stream |\n|---|---|---|---|")
    for name, pause in (("every interval", options.checkpoint_interval), ("paced", paced)):
        period = pause + took
        print(f"| {name}: {pause:.0f} | {size * 86400 / period / 1e9:.0f} GB | {cpu / period:.1%} | {period:.0f} s |")


def a_node(version: str) -> Frame:
    """Return the keyframe of a node with 100 counters in two families."""
    return node_frame(90, 0, 0, version, errors=10)


def measure_questions(network: NetworkCollector) -> None:
    """Print what questions about one node cost beside those about all, as they are, and after a node came."""
    watch, paths, newcomers = Watch(network), network.paths(), count()
    frame, others = a_node("1.0"), iter(paths[1:])
    family = Selection(names=frozenset({"errors_total"}))

    def look(ask: Callable[[], object], *, came: bool) -> tuple[float, float]:
        def once() -> tuple[float, float]:
            if came:
                network.fleet.apply(("fog", "new", str(next(newcomers))), frame, NOW)
            watch.longest = 0.0
            return timed(ask), watch.longest * 1e3

        return min(once() for _ in range(ROUNDS))

    whole: Callable[[], object] = network.collect
    look(whole, came=False)
    questions: list[tuple[str, Callable[[], object]]] = [
        ("/metrics", whole),
        ("?node=, each time another", lambda: network.collect(Selection(next(others), own=True))),
        ("?path= of a node", lambda: network.collect(Selection(paths[-1]))),
        ("one family", lambda: network.collect(family)),
        ("one family, by branch", lambda: network.collect(family, Grouping(1))),
        ("explain", lambda: network.explain(next(others), "work_total")),
    ]
    print("\n| question | ms | held ms | one came ms | held ms | of /metrics |\n|---|---|---|---|---|---|")
    all_of_it = 0.0
    for name, ask in questions:
        (warm, held), (came, waited) = look(ask, came=False), look(ask, came=True)
        all_of_it = all_of_it or came
        note(f"one {name}", warm)
        note(f"one {name}, one came", came)
        print(f"| {name} | {warm:.2f} | {held:.2f} | {came:.2f} | {waited:.2f} | 1/{all_of_it / came:.1f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="What an aggregator costs at rest.")
    parser.add_argument("--nodes", type=int, default=100_000)
    nodes = parser.parse_args().nodes
    network = fleet(nodes, [a_node(version) for version in ("1.0", "1.1", "2.0")])
    print(f"{nodes:,} nodes x 100 counters, 10 of them a family\n")
    asyncio.run(measure_checkpoints(network))
    measure_questions(network)


if __name__ == "__main__":
    main()
