"""Show how the cost of an aggregator grows with its fleet, and what a million nodes need by these figures.

    make scale                                      100 to 100,000 nodes x 100 counters: some three minutes, 3 GB
    make scale ARGS="--tiers --write"               tiers against flat as well, six minutes more; writes docs/scale.md
    python benchmarks/scale.py --nodes 100,1000 --json

Each fleet is measured in a process of its own. Times are of the processor, from stored bytes on: the server and the
connection are not in them. An exponent of 1 is a cost that doubles with the fleet, one of 0 a cost that does not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rollup import NOW, tree
from tiers import run as run_tiers

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.core.checkpoint import Image, restore, take_image
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import Grouping, Selection
from fog_cli.service import give_back
from fog_schema.codec import decode
from utilityfog_frontend.telemetry import TelemetryCollector

DOCUMENT: Final = Path(__file__).parents[1] / "docs/scale.md"
BLANK: Final = "\n\n"
SERIES: Final = 100
CHANGED: Final = 65
"""So many of the series change in an interval."""
INTERVAL: Final = 10.0
MILLION: Final = 1_000_000
LOAD: Final = 0.6
"""The part of a core that an aggregator may use for reading."""
ROUND: Final = 5.0
"""Seconds in which a round of keyframes is asked for."""
RETENTION_DAYS: Final = 3
REPLICAS: Final = 3
PER_MESSAGE: Final = 60
"""Bytes that a stored message has beside its own: subject, headers, index."""


def frames() -> tuple[bytes, bytes]:
    """Return the keyframe of a node, and a delta of it."""
    collector = TelemetryCollector(self_metrics=False)
    work = collector.register_counter("work_total", "Work", ["kind"], max_children=SERIES)
    counters = [work.labels(kind=f"kind-{kind}") for kind in range(SERIES)]
    for counter in counters:
        counter.increment(1000)
    writer = Writer([collector.watch_series()], Settings(info=(("version", "1.0"),)), epoch=1, now=0.0)
    keyframe = writer.encode_part(0.0, 1_000_000).data
    for number, counter in enumerate(counters[:CHANGED]):
        counter.increment(number)
    delta = writer.encode_delta(INTERVAL, 1_000_000)
    if delta is None:
        raise RuntimeError("nothing has changed")
    return keyframe, delta.data


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def resident() -> int:
    """Return the bytes of memory that the process takes now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def read(fleet: Fleet, nodes: int, data: bytes, at: float) -> None:
    """Read a frame of each node."""
    for path in tree(nodes):
        fleet.apply(path, decode(data), at)


def views(network: NetworkCollector) -> dict[str, float]:
    """Return the seconds of each view: after a node came, which is the dear one, and of one that holds still."""
    keyframe, _ = frames()
    where, cases = network.paths()[-1], dict[str, Callable[[], object]]()
    cases["/metrics"] = network.collect
    cases["level=1"] = lambda: network.collect(grouping=Grouping(1))
    cases["level=3"] = lambda: network.collect(grouping=Grouping(3))
    cases["?node="] = lambda: network.collect(Selection(where, own=True))
    cases["explain"] = lambda: network.explain(where, "work_total")
    found = {}
    for number, (name, look) in enumerate(cases.items()):
        look()
        found[name] = seconds(look)
        network.fleet.apply(("fog", "new", str(number)), decode(keyframe), NOW)
        found[f"{name} after a node came"] = seconds(look)
    return found


async def checkpoint(network: NetworkCollector, directory: Path) -> dict[str, float]:
    """Write a checkpoint and go on from it; return what both took."""
    with CheckpointFiles(directory) as files:
        child = files.begin(lambda: take_image(network.fleet, network.events, Ratchet(), {}, ("fog.v1", (), ())))
        size, cpu = await child.finished()

        def resume(image: Image) -> int:
            fleet, events = Fleet(), EventList()
            restore(image, fleet, events, Ratchet())
            return fleet.node_count

        ready = seconds(lambda: files.load(resume))
    return {"checkpoint bytes": size, "checkpoint s": cpu, "ready with checkpoint s": ready}


def _tidy() -> None:
    """Give free memory back: a small fleet would else lie in what the compiler of the kernels has left."""
    gc.collect()
    give_back()


def measure(nodes: int) -> dict[str, float]:
    """Return the figures of a fleet of so many nodes."""
    keyframe, delta = frames()
    kernels = load(Choice.AUTO)  # as an aggregator does; they are no memory of the fleet's
    _tidy()
    fleet, empty = Fleet(), resident()
    anew = seconds(lambda: read(fleet, nodes, keyframe, NOW))
    deltas = seconds(lambda: read(fleet, nodes, delta, NOW + INTERVAL))
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(fleet, EventList(), own, lambda: NOW + INTERVAL)
    network.use(kernels)
    _tidy()
    figures = {"CPU a delta s": deltas / nodes, "memory bytes": resident() - empty, "ready without checkpoint s": anew}
    with tempfile.TemporaryDirectory() as directory:
        figures |= asyncio.run(checkpoint(network, Path(directory)))
    return figures | views(network)


def exponent(found: dict[int, float]) -> float:
    """Return the slope of a figure over the nodes, both as logarithms; 0 where it is too small to be measured."""
    points = [(math.log(nodes), math.log(max(value, 1e-7))) for nodes, value in found.items()]
    middle = [sum(point[axis] for point in points) / len(points) for axis in (0, 1)]
    spread = sum((x - middle[0]) ** 2 for x, _ in points)
    return sum((x - middle[0]) * (y - middle[1]) for x, y in points) / spread if spread else 0.0


def a_million(nodes: int, figures: dict[str, float]) -> dict[str, float]:
    """Return what a million nodes need, by the figures of the largest fleet that was measured."""
    keyframe, delta = frames()
    per_second, times = MILLION / INTERVAL, MILLION / nodes
    stored = (len(delta) + PER_MESSAGE) * per_second
    return {
        "frames a second": per_second,
        "series a second": per_second * CHANGED,
        "network into the servers MB/s": stored / 1e6,
        "disk of all replicas TB": stored * 86400 * RETENTION_DAYS * REPLICAS / 1e12,
        "cores for reading": figures["CPU a delta s"] * per_second,
        "aggregators": math.ceil(figures["CPU a delta s"] * per_second / LOAD),
        "memory of all aggregators GB": figures["memory bytes"] * times / 1e9,
        "checkpoint of all GB": figures["checkpoint bytes"] * times / 1e9,
        "a round of keyframes GB": len(keyframe) * MILLION / 1e9,
        "a round of keyframes MB/s": len(keyframe) * MILLION / ROUND / 1e6,
        "cores for a round": figures["ready without checkpoint s"] * times / ROUND,
    }


def growth_table(found: dict[int, dict[str, float]]) -> str:
    """Return the table of all figures of all fleets, with the exponent of each."""
    lines = [
        "| figure | " + " | ".join(f"{nodes:,}" for nodes in found) + " | exponent |",
        "|---" * (len(found) + 2) + "|",
    ]
    for name in next(iter(found.values())):
        row = {nodes: figures[name] for nodes, figures in found.items()}
        lines.append(f"| {name} | " + " | ".join(map(shown, row.values())) + f" | {exponent(row):.2f} |")
    return "\n".join(lines)


def million_table(needs: dict[str, float]) -> str:
    """Return the table of what a million nodes need."""
    head = f"| a million nodes x {SERIES} counters at {INTERVAL:.0f} s | |\n|---|---|\n"
    return head + "\n".join(f"| {name} | {shown(value)} |" for name, value in needs.items())


def tiers_table(found: dict[int, dict[str, float]]) -> str:
    """Return the table of tiers against flat."""
    lines = ["| tiers against flat | " + " | ".join(f"{nodes:,} nodes" for nodes in found) + " |"]
    lines.append("|---" * (len(found) + 1) + "|")
    names = next(iter(found.values()))
    lines += (f"| {name} | " + " | ".join(f"{one[name]:.2f}" for one in found.values()) + " |" for name in names)
    return "\n".join(lines)


def shown(value: float) -> str:
    """Write a figure with three digits."""
    return f"{value:,.3g}"


def against_flat(nodes: int) -> dict[str, float]:
    """Return what the root of four branches takes, and all tiers beside one flat aggregator, as benchmarks/tiers.py."""
    options = argparse.Namespace(series=20, interval=10.0, seconds=60.0, one_stream=False)
    flat, tiers = (run_tiers(options, nodes, tiers=tiers) for tiers in (False, True))
    root, alone = tiers["root"], flat["flat"]
    return {
        "root: messages a second": root.messages / options.seconds,
        "root: kB a second": root.size / options.seconds / 1000,
        "root: % of a core": 100 * root.cpu / options.seconds,
        "all tiers: times flat's messages": sum(one.messages for one in tiers.values()) / alone.messages,
        "all tiers: times flat's CPU": sum(one.cpu for one in tiers.values()) / alone.cpu,
    }


def written(document: str, table: str) -> str:
    """Return the document with this table in the place of the one whose head begins so.

    Raises:
        SystemExit: The document has no such table.
    """
    head = table.partition(" | ")[0]
    before, found, rest = document.partition(f"\n{head} | ")
    if not found:
        raise SystemExit(f"{DOCUMENT.name}: a table that begins with {head!r} is to stand where the new one goes")
    return f"{before}\n{table}\n\n{rest.partition(BLANK)[2]}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How the cost of an aggregator grows with its fleet.")
    parser.add_argument("--nodes", default="100,1000,10000,100000", help="sizes of fleets, with commas between them")
    parser.add_argument("--tiers", action="store_true", help="measure tiers against flat as well")
    parser.add_argument("--json", action="store_true", help="print an object in place of tables")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scale.md")
    options = parser.parse_args()
    found: dict[int, Any] = {}
    for nodes in map(int, options.nodes.split(",")):
        with multiprocessing.get_context("spawn").Pool(1) as process:
            found[nodes] = process.apply(measure, (nodes,))
    needs = a_million(max(found), found[max(found)])
    tiers = {nodes: against_flat(nodes) for nodes in (600, 6000)} if options.tiers else {}
    if options.json:
        names = next(iter(found.values()))
        exponents = {name: exponent({nodes: one[name] for nodes, one in found.items()}) for name in names}
        everything = {"nodes": found, "exponents": exponents, "a million nodes": needs, "tiers": tiers}
        print(json.dumps(everything, indent=2))
        return
    tables = [growth_table(found), million_table(needs), *([tiers_table(tiers)] if tiers else [])]
    print("\n\n".join(tables))
    if options.write:
        document = DOCUMENT.read_text(encoding="utf-8")
        for table in tables:
            document = written(document, table)
        DOCUMENT.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
