"""Build the fleet whose checkpoints are kept as golden files, one folder for each released version of the format.

A golden checkpoint is written once, by the program that released its version, and never again:

    python -m tests.aggregator.golden.recipe tests/aggregator/golden/version_N

So is what it exported (`metrics-….txt`, `answers.json`). The answers afterwards (`answers-after….json`) are by the
rules of the program that goes on from it: a rule that changes these answers says so in its commit.

The fleet has everything that a checkpoint can hold: every kind of value, histograms of two bounds, a branch with two
replicas, closed totals, tombstones of both sorts, one part of a keyframe, a retired node, label sets that
left, exported fractions, events with a gap, free slots and free rows.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path as FilePath
from typing import Any

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.components.http.answers import events, retired, tree
from fog_aggregator.components.http.explain import explain
from fog_aggregator.core.checkpoint import take_image
from fog_aggregator.core.families.known import Family, FamilyKey
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, Selection, ViewKey
from fog_aggregator.query.totals import Totals
from fog_bus.ports import Position
from fog_schema.frames import EPHEMERAL, KEYFRAME, LAST_PART, Frame
from fog_schema.paths import Path, parse_path
from tests.aggregator.fleet import Fleet, Member
from tests.aggregator.rollups import Reporter
from utilityfog_frontend.telemetry.exposition import generate_text
from utilityfog_frontend.telemetry.model import HistogramValue

POSITIONS = {"FOG_METRICS": Position("2026-01-01", 7, 1_700_000_000_000), "FOG_EVENTS": Position("2026-01-02", 0, 0)}
SCOPE = ("fog.v1", ("fog",), (("fog", "branch"),))
VIEWS = {
    "metrics-root.txt": ViewKey(),
    "metrics-level-1.txt": ViewKey(grouping=Grouping(1)),
    "metrics-level-2.txt": ViewKey(grouping=Grouping(2)),
    "metrics-node.txt": ViewKey(Selection(("fog", "a", "0"), own=True)),
}
EXPLAINED = ("whole_total", "mixed_total", "delay", "load", "level", "transient_total", "huge_total")
LATER = 8 * DAY
EVERY_EVENT = {"path": (), "name": None, "since": None, "until": None, "limit": 100, "before": None}


def metric(member: Member, name: str) -> Any:
    """Find a metric that the node has."""
    return member.collector.get_metric(name)


def fill(member: Member, factor: int) -> None:
    """Give a node every kind of value."""
    collector = member.collector
    collector.register_counter("whole_total", "Counted in whole numbers", ["job"]).labels(job="a").increment(3 * factor)
    collector.register_counter("mixed_total", "Counted in fractions by some").increment(factor / 4)
    bounds = [1.0, 2.0] if factor % 2 else [1.0, 2.0, 4.0]
    delay = collector.register_histogram("delay", "Delays", bounds)
    for observed in (0.5, 1.5, 3.0, 9.0)[: 1 + factor % 4]:
        delay.observe(observed * factor)
    load = collector.register_gauge("load", "Load", ["job"], rollup="sum")
    load.labels(job="a").set(factor + 0.5)
    load.labels(job="b").set(math.nan if factor == 2 else -factor)
    collector.register_gauge("level", "Level", rollup=("last", "count_values", "max")).set(factor % 3)
    collector.register_gauge("plain", "A gauge without a choice").set(2.0**factor)


def branch_totals(total: float, observed: tuple[int, ...], level: GaugeSummary) -> Totals:
    """Make a subtree's totals as its aggregators send them."""
    families = [
        Family(FamilyKey("whole_total", 0, ""), "Counted in whole numbers", ()),
        Family(FamilyKey("mixed_total", 0, ""), "Counted in fractions by some", ()),
        Family(FamilyKey("delay", 2, ""), "Delays", ()),
        Family(FamilyKey("level", 1, ""), "Level", ("last", "count_values", "max")),
    ]
    entries = [SeriesEntry(0, (("job", "a"),)), SeriesEntry(1, ()), SeriesEntry(2, (), (1.0, 8.0)), SeriesEntry(3, ())]
    counters: dict[int, int | float] = {0: int(total), 1: total / 8}
    histograms = {2: HistogramValue(observed, float(sum(observed)))}
    return Totals({**counters, **histograms, 3: level}, entries, families, Coverage((3, 2, 1, 2, 1, 0, 0), 4.5))


def early(fleet: Fleet) -> None:
    """Add what is gone by the end: nodes that ended, fell silent or were forgotten, and what they had alone."""
    gone = [fleet.join(path) for path in ("fog/a/gone", "fog/a/silent", "fog/b/ended", "fog/c/forgotten")]
    for number, member in enumerate(gone, 5):
        fill(member, number)
        transient = member.collector.register_counter("transient_total", "Left", ["of"])
        for of in (number, number + 10, number + 20):
            transient.labels(of=str(of)).increment(number)
        member.collector.register_histogram("passing", "Left", [1.0]).observe(number)
        member.send()
    gone[2].finish()
    fleet.now += 4000
    with fleet.network.lock:
        fleet.state.forget(parse_path("fog/c"), fleet.now, 3600.0)
    advance(fleet, LATER)
    metric(gone[1], "whole_total").labels(job="a").increment(100)
    gone[1].writer.keyframe_due = True
    gone[1].send()  # it returns, and its keyframe is its baseline
    advance(fleet, LATER)
    ended = fleet.join("fog/a/0", version="0")
    fill(ended, 9)
    ended.send()
    ended.finish()
    gone[0].writer.keyframe_due = True  # it returns as well, and the first part of its baseline alone has come
    fleet.apply(gone[0].path, gone[0].writer.encode_part(fleet.now, 300).data)


def advance(fleet: Fleet, seconds: float) -> None:
    """Let time pass in which the streams are read and nobody sends."""
    fleet.now += seconds
    fleet.state.parts.time.read(fleet.now)
    fleet.state.parts.time.observed_seconds += seconds
    fleet.state.parts.time.caught_up = True
    fleet.sweep()


def present(fleet: Fleet) -> None:
    """Add the nodes that live at the end."""
    members = [
        fleet.join("fog/a/0", version="1", os="linux"),
        fleet.join("fog/a/0", shared=True),
        fleet.join("fog/a/1", interval=1.0),
        fleet.join("fog/b/0"),
    ]
    for number, member in enumerate(members, 1):
        fill(member, number)
        member.send()
    fleet.now += 10
    for number, member in enumerate(members):
        metric(member, "whole_total").labels(job=f"late-{number}").increment(number + 1)
        metric(member, "load").remove("b")
        member.send()
    members[1].collector.register_counter("huge_total", "Near the end of 64 bits").increment(2**62)
    members[1].send()
    members[2].skip()  # a gap, which no keyframe has repaired yet
    metric(members[2], "mixed_total").increment(0.125)
    members[2].send()
    members[3].writer.keyframe_due = True  # of this one the first part alone has come
    fleet.apply(members[3].path, members[3].writer.encode_part(fleet.now, 300).data)


def branch(fleet: Fleet) -> None:
    """Add a branch that two replicas report."""
    one, other = Reporter(2**63 + 1), Reporter(2**40)
    level = GaugeSummary(5, 12.0, -1.0, 7.0, (3.0, fleet.now - 2), ((1.0, 2), (3.0, 3)))
    frames = [one.keyframe(branch_totals(40, (3, 1, 2), level)), other.keyframe(branch_totals(42, (2, 3, 2), level))]
    newer = GaugeSummary(4, 10.0, 0.0, 6.0, (4.0, fleet.now - 1), ((1.0, 1), (4.0, 3)))
    frames.append(one.delta(branch_totals(41.5, (4, 1, 2), newer)))
    frames.append(Reporter(3).keyframe(branch_totals(41, (2, 2, 2), level), final=True))
    for frame in frames:
        frame.info, frame.flags = {"version": "3"}, frame.flags | EPHEMERAL
        fleet.state.apply(("fog", "branch"), frame, fleet.now, rollup=True)


def oddities(fleet: Fleet) -> None:
    """Add a node that comes and goes and tells of itself, and one whose silent writers are too many."""
    frame = Frame(KEYFRAME, 77, 1, LAST_PART | EPHEMERAL, info={"version": "1"})
    fleet.state.apply(("fog", "d", "0"), frame, fleet.now)
    fleet.state.limits = FleetLimits(silent_per_path=1)
    for epoch, quiet in ((101, 900.0), (102, 800.0), (103, 0.0)):
        fleet.state.apply(("fog", "e", "0"), Frame(KEYFRAME, epoch, 1, LAST_PART), fleet.now - quiet)
    fleet.state.needs_keyframe_round = False


def leaving(fleet: Fleet) -> None:
    """Add a node that ends in good order."""
    member = fleet.join("fog/f/0")
    member.collector.register_counter("whole_total", "Counted in whole numbers", ["job"]).labels("a").increment(4)
    member.send()
    member.finish()


def forgotten(fleet: Fleet) -> None:
    """Add a node that was forgotten lately, and may come back."""
    fleet.now -= 4000
    member = fleet.join("fog/g/0")
    fill(member, 3)
    member.send()
    fleet.now += 4000
    with fleet.network.lock:
        fleet.state.forget(member.path, fleet.now, 3600.0)


def disagreeing(fleet: Fleet) -> None:
    """Add a node that has one metric of another type, and one that it describes in other words."""
    collector = fleet.join("fog/h/0").collector
    collector.register_counter("plain", "Counted here").increment(6)
    collector.register_gauge("level", "A level", rollup="max").set(1)
    fleet.members[-1].send()


def happenings(fleet: Fleet) -> None:
    """Add events of two writers: one lacks the third, the other no longer holds the second and third."""
    for seq in (1, 2, 4, 4):
        fleet.event("fog/a/0", "started", {"at": [1, None]}, epoch=7, seq=seq, job="a")
    for seq in (1, 5):
        fleet.event("fog/b/0", "stopped", epoch=8, seq=seq)
    fleet.events.reported(("fog", "b", "0"), 8, (4, 5), fleet.now)
    fleet.events.report(("fog", "a"), "fog_noticed", 1.5, fleet.now)
    fleet.events.refused += 1
    fleet.events.events.evicted["bytes"] += 1


class Recorder(Fleet):
    """A fleet that keeps the frames it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Path, bytes, float]] = []

    def apply(self, path: Path, data: bytes) -> Outcome:
        """Keep the frame and apply it."""
        self.heard.append((path, data, self.now))
        return super().apply(path, data)


def afterwards(fleet: Recorder) -> list[tuple[Path, bytes, float]]:
    """Send what comes after the checkpoint: the other parts of keyframes, a replay, what repairs gaps; then a silence.

    The checkpoint must have been taken.
    """
    replayed = next(data for path, data, _ in fleet.heard if path == ("fog", "c", "forgotten"))
    del fleet.heard[:]
    fleet.now += 10
    fleet.apply(("fog", "c", "forgotten"), replayed)
    for member in fleet.members:
        if not member.writer.ended and member.path != ("fog", "c", "forgotten"):
            metric(member, "mixed_total").increment(1)
            while member.writer.within_keyframe:
                fleet.apply(member.path, member.writer.encode_part(fleet.now, 300).data)
            member.send()
    return list(fleet.heard)


def silence(fleet: Fleet, seconds: float = LATER) -> None:
    """Let everything that is there retire."""
    advance(fleet, seconds)
    advance(fleet, seconds)


def rich() -> Recorder:
    """Build the fleet."""
    fleet = Recorder()
    early(fleet)
    present(fleet)
    branch(fleet)
    leaving(fleet)
    forgotten(fleet)
    disagreeing(fleet)
    oddities(fleet)
    happenings(fleet)
    for view in (*VIEWS.values(), ViewKey(grouping=Grouping(by=("job",)))):
        exported(fleet.network, view)  # fills the ratchet
    return fleet


def exported(network: NetworkCollector, view: ViewKey) -> str:
    """Export a view as text."""
    return generate_text(network.collect(*view)).decode()


def answers(network: NetworkCollector) -> dict[str, Any]:
    """Collect what the JSON interface answers about the fleet."""
    listed = [(path, None, 1) for path in network.paths()]
    nodes = {"total": len(listed), "offset": 0, "limit": 100}
    return {
        "explained": {name: explain(network, ("fog",), name) for name in EXPLAINED},
        "node": {name: explain(network, ("fog", "a", "0"), name) for name in EXPLAINED},
        "branch": {name: explain(network, ("fog", "branch"), name) for name in EXPLAINED},
        "retired": retired(network),
        "nodes": nodes | {"nodes": network.inventory(lambda fleet: fleet.nodes(listed))},
        "tree": tree(network, (), 5),
        "events": json.loads(
            b"".join(
                events(network, dict.fromkeys(("name", "since", "until", "before")) | {"path": (), "limit": 100})[1]
            )
        ),
    }


def as_json(value: Any) -> str:
    """Format a value so that two of them compare line by line."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def write(folder: FilePath) -> None:
    """Write the golden files of the version that this program writes."""
    fleet = rich()
    folder.mkdir(parents=True, exist_ok=True)
    image = take_image(fleet.state, fleet.events, fleet.network.ratchet, POSITIONS, SCOPE)
    (folder / "checkpoint.fog").write_bytes(b"".join(image.chunks()))
    for name, view in VIEWS.items():
        (folder / name).write_text(exported(fleet.network, view))
    (folder / "answers.json").write_text(as_json(answers(fleet.network)))
    frames = [(path, data.hex(), at) for path, data, at in afterwards(fleet)]
    (folder / "frames-after.json").write_text(as_json(frames))
    (folder / "answers-after.json").write_text(as_json(answers(fleet.network)))
    silence(fleet)
    (folder / "answers-after-silence.json").write_text(as_json(answers(fleet.network)))


if __name__ == "__main__":
    write(FilePath(sys.argv[1]))
