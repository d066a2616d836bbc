"""`fog audit`, and the commands that show what an aggregator knows."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from fog_agent import Agent
from fog_agent.core.writer import Settings, Writer
from fog_bus.nats.options import NatsOptions
from fog_cli.actions.audit import TRIES, Findings, Listener, Listing, compare_epoch, compare_node, report, sort_out
from fog_cli.actions.replica import Name, Replica, Total
from fog_cli.api import Api
from fog_cli.bus import connected_link
from fog_schema.codec import decode, decode_request
from fog_schema.frames import Request
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator, shows
from tests.cli.bus import make_streams
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import HistogramValue, MetricType


def values_of(collector: TelemetryCollector) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
    """Return a collector's counters and histograms, as a replica has them."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}
    for snapshot in collector.collect():
        for series in snapshot.series:
            value = series.value
            if snapshot.family.type is not MetricType.GAUGE:
                told = Total(value.counts, value.sum) if isinstance(value, HistogramValue) else value
                found[snapshot.family.name, series.labels] = told
    return found


def test_a_replica_follows_its_writer() -> None:
    """After each frame, keyframe or delta, in one part or many, it has what the collector has."""
    chance = random.Random(1)
    collector = TelemetryCollector(self_metrics=False)
    things = collector.register_counter("things_total", "Things", ["kind"])
    parts = collector.register_counter("parts_total", "Parts")
    duration = collector.register_histogram("duration_seconds", "Durations", [0.1, 1.0])
    writer = Writer([collector.watch_series()], Settings(), epoch=7, now=0.0)
    replica = Replica()
    for step in range(60):
        things.labels(kind=str(chance.randrange(5))).increment(chance.randrange(3))
        duration.observe(chance.random() * 2)
        parts.increment(1 if step < 20 else 0.5)
        if step % 20 == 0:
            writer.request_keyframe()
            part = writer.encode_part(float(step), 450)
            while not part.completes:
                replica.apply(decode(part.data))
                part = writer.encode_part(float(step), 450)
            replica.apply(decode(part.data))
        else:
            frame = writer.encode_delta(float(step), 100_000)
            assert frame is not None
            replica.apply(decode(frame.data))
        known = replica.after[writer.seq]
        assert {replica.names[number]: value for number, value in known.items()} == values_of(collector)


def test_a_replica_knows_nothing_after_a_gap() -> None:
    """Until the next whole keyframe."""
    collector = TelemetryCollector()
    writer = Writer([collector.watch_series()], Settings(), epoch=7, now=0.0)
    replica = Replica()
    replica.apply(decode(writer.encode_part(0.0, 100_000).data))
    writer.encode_delta(1.0, 100_000)
    for _ in range(2):
        frame = writer.encode_delta(2.0, 100_000)
        assert frame is not None
        replica.apply(decode(frame.data))
    assert list(replica.after) == [1]
    writer.request_keyframe()
    replica.apply(decode(writer.encode_part(3.0, 100_000).data))
    assert list(replica.after) == [1, 5]


def test_a_difference_is_found_and_said() -> None:
    """One count off by one, in a value that has labels."""
    collector = TelemetryCollector(self_metrics=False)
    collector.register_counter("things_total", "Things", {"kind": "a"}).increment(3)
    writer = Writer([collector.watch_series()], Settings(), epoch=7, now=0.0)
    replica = Replica()
    replica.apply(decode(writer.encode_part(0.0, 100_000).data))
    [number] = replica.names
    findings = Findings()
    for value in (3, 4):
        theirs = {"epoch": "07", "seq": 1, "values": [{"id": number, "value": value}]}
        compare_epoch("fog/0", "things_total", replica, theirs, findings)
    assert findings.values == 2
    assert findings.differences == [
        'fog/0 things_total{kind="a"} in epoch 07: the node says 3, the aggregator 4',
    ]


def test_branches_are_left_out() -> None:
    """A branch is counted, not asked; nodes above one are told apart: what is asked there is heard in it too."""
    listed: list[dict[str, Any]] = [
        {"path": "fog", "branch": False},
        {"path": "fog/0"},  # as an aggregator that knows no branches lists it
        {"path": "fog/0/3", "branch": True},
        {"path": "fog/1", "branch": False},
        {"path": "fog/2/1/0", "branch": True},
    ]
    assert sort_out(listed) == Listing(["fog", "fog/0", "fog/1"], frozenset({"fog", "fog/0"}), 2)
    assert sort_out([]) == Listing([], frozenset(), 0)
    status = {"coverage": {"nodes": {"live": 7}}, "streams": [{"name": "FOG_METRICS", "sequence": 9}]}
    assert list(report(Findings(nodes=3, values=12, branches=2), status)) == [
        "branches left to their own aggregators to audit: 2",
        "equal: 12 values of 3 nodes, 0 differences",
        "coverage: 7 live; stream sequences FOG_METRICS 9",
    ]


async def test_a_node_above_a_branch_is_asked_alone(fog_nats: NatsServer) -> None:
    """By its epoch, once it was heard: no node under it answers. Frames of others are not kept."""
    await make_streams(fog_nats.url)
    agents = [
        Agent(TelemetryCollector(), path=path, servers=fog_nats.url, interval=0.1) for path in ("fog", "fog/0", "fog/1")
    ]
    asked: list[tuple[str, Request]] = []

    async def heard(message: Msg) -> None:
        asked.append((message.subject, decode_request(message.data)))

    for agent in agents:
        await agent.start()
    async with connected_link(NatsOptions.parse(fog_nats.url)) as link:
        assert link.connection.client is not None
        await link.connection.client.subscribe("fog.v1.resync.>", cb=heard)
        listener = Listener(link, Subjects(), ["fog", "fog/1"], {"fog"})
        await listener.ask(())
        await listener.wait(30)
        [above], [beside] = listener.epochs("fog"), listener.epochs("fog/1")
        assert above != beside
        assert not listener.epochs("fog/0")
        await eventually(lambda: len(asked) > 1)
    for agent in agents:
        await agent.stop()
    assert sorted(asked, key=lambda one: one[0]) == [
        ("fog.v1.resync.fog", Request(above)),
        ("fog.v1.resync.fog.1", Request()),
    ]


async def test_what_an_aggregator_knows(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Tree, events, explanation and audit of a small fog; a path that is not there is one line and exit code 1."""
    await make_streams(fog_nats.url)
    collectors = {path: TelemetryCollector() for path in ("fog", "fog/0", "fog/0/3")}
    for number, collector in enumerate(collectors.values(), 1):
        collector.register_counter("things_total", "Things").increment(number)
    agents = [Agent(one, path=path, servers=fog_nats.url, interval=0.1) for path, one in collectors.items()]
    for number, (agent, collector) in enumerate(zip(agents, collectors.values(), strict=True), 1):
        await agent.start()
        collector.record_event("began", {"number": number})
    async with aggregator("--nats", fog_nats.url) as view:
        await eventually(lambda: shows(view, "things_total 6"), deadline=30)
        await eventually(lambda: shows(view, "fog_aggregator_events_total 3"))

        async def fog(*arguments: str) -> tuple[int, str, str]:
            done = await asyncio.to_thread(run, *arguments, FOG_API_URL=view.url, FOG_NATS_URL=fog_nats.url)
            return done.returncode, done.stdout, done.stderr

        tree = "fog  live · 3 nodes: 3 live\n└─ 0  live · 2 nodes: 2 live\n   └─ 3  live\n"
        assert await fog("tree", "fog") == (0, tree, "")
        _, out, _ = await fog("events", "fog/0", "--json")
        events = {event["path"]: event["value"]["number"] for event in json.loads(out)["events"]}
        assert events == {"fog/0": 2, "fog/0/3": 3}
        _, out, _ = await fog("explain", "fog/0", "things_total")
        assert out.startswith("things_total at fog/0: counter. Things\n  without labels = 5\nIt stands on 2 live.\n")
        code, out, err = await fog("audit", "fog/0")
        assert (code, err) == (0, "")
        assert out.startswith("equal: ")
        assert " of 2 nodes, 0 differences\ncoverage: 3 live; " in out
        told = json.loads((await fog("audit", "fog/0", "--json"))[1])
        assert (told["equal"], told["nodes"], told["branches"]) == (True, 2, 0)
        await agents.pop().stop()
        await eventually(lambda: shows(view, 'fog_aggregator_nodes{state="ended"} 1'))
        nothing = "fog audit: not audited: no node at or under fog/0/3 is live; fog nodes lists what there is\n"
        assert await fog("audit", "fog/0/3") == (1, "", nothing)
        code, out, err = await fog("tree", "nowhere")
        assert (code, out) == (1, "")
        assert err.endswith("404 Not Found: no node at or under nowhere; /api/tree shows what there is\n")
    for agent in agents:
        await agent.stop()


def test_no_aggregator() -> None:
    """Says where nobody answered, and what to do."""
    done = run("tree", "--api", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("fog tree: no aggregator answers at http://127.0.0.1:1 (")
    assert done.stderr.endswith("start one, or name it with --api\n")


class Explained(Api):
    """An aggregator that explains each family as of one frame, and counts how often it is asked."""

    def __init__(self, seq: int, state: str = "live", *, branch: bool = False) -> None:
        super().__init__("http://127.0.0.1:1")
        self.asked: list[str] = []
        self._answer = {
            "coverage": {"nodes": {"live": 0, "quarantined": 0, state: 1}},
            "node": {
                "branch": branch,
                "epochs": [{"epoch": f"{7:016x}", "seq": seq, "values": [{"id": 0, "value": 3}]}],
            },
        }

    def json(self, path: str, query: Any = None) -> Any:
        """Answer, whatever the family."""
        del path
        self.asked.append(query["name"])
        return self._answer


async def compared(api: Api) -> Findings:
    """Compare a node of three families, one frame of it, with what an aggregator has."""
    replica, findings = Replica(), Findings()
    for number, family in enumerate(("a_total", "b_total", "c_total")):
        replica.names[number] = Name(family, ())
    replica.after[5] = {0: 3}
    await compare_node(api, "fog/0", {7: replica}, findings, asyncio.Semaphore())
    return findings


async def test_a_node_that_is_taken_out_meanwhile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed, and in quarantine when it is asked for: no node, no difference, and nothing is waited for."""
    monkeypatch.setattr("fog_cli.actions.audit.POLL", 0)
    api = Explained(4, "quarantined")
    assert await compared(api) == Findings()
    assert api.asked == ["a_total"]


async def test_a_node_at_the_path_of_a_branch_is_left_to_the_branch() -> None:
    """A root explains the totals there, which are no node's: it counts as a branch, and nothing is waited for."""
    api = Explained(4, branch=True)
    assert await compared(api) == Findings(branches=1)
    assert api.asked == ["a_total"]


async def test_a_node_that_fits_at_no_frame_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its families are told, and only the first one is asked for again and again."""
    monkeypatch.setattr("fog_cli.actions.audit.POLL", 0)
    api = Explained(4)
    findings = await compared(api)
    assert (findings.nodes, len(findings.differences)) == (1, 3)
    assert api.asked == ["a_total"] * TRIES + ["b_total", "c_total"]


async def test_a_node_that_stands_at_a_frame_of_ours_is_compared() -> None:
    """At that frame, each family once."""
    api = Explained(5)
    assert await compared(api) == Findings(nodes=1, values=1)
    assert api.asked == ["a_total", "b_total", "c_total"]
