"""`fog swarm`: honest writers from tables, and the proof at its end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterable
from typing import Any

import numpy as np
import psutil
import pytest

from fog_aggregator.core.columns import is_small
from fog_bus.nats.options import NatsOptions
from fog_cli.bus import connected_link
from fog_cli.commands.trial.swarm import FleetOptions, Settings
from fog_cli.demo.aggregator_stats import AggregatorView
from fog_cli.swarm.child import Child
from fog_cli.swarm.families import Families
from fog_cli.swarm.plan import Plan, tree_path
from fog_cli.swarm.process import GO, HOLD
from fog_cli.swarm.publishing import Publisher
from fog_cli.swarm.run import _Swarm, _verdict
from fog_cli.swarm.timeline import Timeline
from fog_cli.swarm.writers import Chances, Writer, Writers
from fog_schema.codec import decode, decode_definitions
from fog_schema.paths import format_path
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually, wait_until
from tests.aggregator.fleet import Fleet
from tests.cli.aggregators import aggregator, free_address
from tests.cli.bus import make_streams
from tests.cli.processes import fog, run

HARD = Chances(leave=0.05, restart=0.1, lose=0.2)


class Swarm:
    """Writers of a process, whose frames go straight into a fleet; what a gap asks for is answered at the next turn."""

    def __init__(self, nodes: int, series: int, chances: Chances, seed: int) -> None:
        self.fleet = Fleet()
        self.writers = Writers(Families(series), nodes, 1.0, chances, np.random.default_rng(seed))
        self.nodes = [Writer(("swarm", str(row)), row, f"fog.v1.metrics.swarm.{row}") for row in range(nodes)]
        for node in self.nodes:
            self.writers.begin(node, self.fleet.now)

    def live(self, turns: int) -> None:
        """Let intervals pass."""
        for _ in range(turns):
            self.fleet.now += 1
            for gone in [node for node in self.nodes if node.is_gone]:
                gone.path = (*gone.path[:-1], f"{gone.path[-1]}x")
                gone.is_gone = gone.is_leaving = False
                self.writers.begin(gone, self.fleet.now)
            self.take(self.writers.interval(self.nodes, self.fleet.now))

    def end(self) -> None:
        """Let all end in good order."""
        self.take(self.writers.finals([one for one in self.nodes if not one.is_gone], self.fleet.now))

    def take(self, frames: Iterable[tuple[Writer, bytes]]) -> None:
        """Let the fleet have frames, and acknowledge them."""
        for writer, data in frames:
            self.fleet.apply(writer.path, data)
            self.writers.acknowledged(writer)
            writer.keyframe_due |= writer.has_hole

    def exported(self) -> dict[str, int]:
        """Return the fleet's totals by name."""
        totals: dict[str, Any] = dict.fromkeys(self.writers.families.names, 0)
        for name in totals:
            totals[name] = sum(self.fleet.samples(name).values())
        return totals


@pytest.mark.parametrize("series", [1, 7, 40, 100])
def test_a_fleet_has_what_a_swarm_counted(series: int) -> None:
    """With losses, restarts and nodes that leave, whatever the number of series."""
    swarm = Swarm(20, series, HARD, seed=series)
    swarm.live(30)
    swarm.end()
    tally = swarm.writers.tally
    assert min(tally.lost, tally.restarted, tally.ended - 20, tally.keyframes - 40) > 0
    assert swarm.exported() == swarm.writers.book()
    assert sum(swarm.writers.book().values()) > 0


def test_a_keyframe_is_packed_as_an_agents() -> None:
    """In the narrowest type, or sums must be watched from then on, and no delta of the writer is a plain one."""
    swarm = Swarm(3, 40, Chances(), seed=1)
    swarm.live(3)
    keyframes = [decode(data) for _, data in swarm.writers.finals(swarm.nodes, swarm.fleet.now)]
    assert [frame.counters is not None and is_small(frame.counters.values) for frame in keyframes] == [True] * 3


def test_a_lost_frame_is_missing_until_a_keyframe() -> None:
    """The fleet is below the book then, so that the losses are real ones."""
    swarm = Swarm(5, 10, Chances(lose=1.0), seed=1)
    swarm.live(1)  # the first frame is a keyframe, which is not lost
    assert swarm.exported() == swarm.writers.book()
    swarm.live(1)
    assert swarm.writers.tally.lost == 5
    assert swarm.exported()["swarm_work_0_total"] < swarm.writers.book()["swarm_work_0_total"]


def test_a_node_sends_nothing_while_a_frame_is_on_its_way() -> None:
    """Its counts wait for the next delta, however many intervals there were."""
    writers = Writers(Families(10), 1, 1.0, Chances(), np.random.default_rng(2))
    node = Writer(("swarm",), 0, "fog.v1.metrics.swarm")
    writers.begin(node, 0.0)
    [(_, keyframe)] = writers.interval([node], 1.0)
    assert [list(writers.interval([node], now)) for now in (2.0, 3.0)] == [[], []]
    assert node.in_flight == keyframe
    writers.acknowledged(node)
    [(_, delta)] = writers.interval([node], 4.0)
    frame = decode(delta)
    assert (frame.seq, frame.age_ms) == (2, 4000)
    known = decode(keyframe).counters
    assert known is not None
    assert frame.counters is not None
    assert sum(known.values.tolist()) + sum(frame.counters.values.tolist()) == writers.book()["swarm_work_0_total"]


@pytest.mark.parametrize(("series", "counters", "gauges"), [(1, 1, 0), (45, 40, 5), (50, 40, 10), (100, 80, 20)])
def test_a_fifth_of_the_families_are_gauges(series: int, counters: int, gauges: int) -> None:
    """Ids are the columns of the table, counters first."""
    families = Families(series)
    assert (families.counters, families.gauges) == (counters, gauges)
    ids = [number for one in decode_definitions(families.definitions) for number, _ in one.series()]
    assert ids == list(range(series))
    assert families.counter_ids.tolist() + families.gauge_ids.tolist() == ids


def test_intervals_that_were_missed_are_counted_and_not_made_up_for() -> None:
    """A process that stood still for 3.5 intervals goes on in step."""
    nodes = [Writer((str(row),), row, "") for row in range(4)]
    timeline = Timeline(nodes, interval=1.0, now=0.0)
    assert timeline.due(0.5, 10) == nodes[:3]  # at 0, 0.25 and 0.5
    assert timeline.due(4.0, 10) == [nodes[3], nodes[0], nodes[1], nodes[2]]
    assert timeline.dropped == 3 + 3 + 2 + 2
    assert timeline.due(4.2, 10) == []
    assert timeline.due(4.25, 10) == [nodes[1]]


def test_a_tree_is_filled_level_by_level() -> None:
    """Every path once, parents before their children."""
    paths = [tree_path(("a",), number, 4) for number in range(21)]
    assert [format_path(path) for path in paths[:7]] == ["a", "a/0", "a/1", "a/2", "a/3", "a/0/0", "a/0/1"]
    assert len(set(paths)) == 21
    assert all(path[:-1] in paths[:at] for at, path in enumerate(paths) if at)


async def test_a_real_aggregator_has_all_of_it() -> None:
    """Two processes on four connections, with everything that may happen to a node."""
    with NatsServer() as server:
        async with aggregator("--nats", server.url) as view:
            with fog(
                *("swarm", "--nodes", "60", "--series", "20", "--interval", "200ms", "--json"),
                *("--processes", "2", "--churn", "100", "--restarts", "100", "--losses", "5", "--seed", "4"),
                *("--nats", server.url, "--api", view.url),
            ) as process:
                await eventually(lambda: frames_of(view, 200), deadline=60, what="keyframes and deltas of all")
                process.send_signal(signal.SIGTERM)
                out, err = await _ended(process)
    assert (process.returncode, err) == (0, "")
    result = json.loads(out)
    assert result["conserved"] is True
    assert result["all_acknowledged"] is True
    assert result["frames"] - result["lost"] == result["acked"] > 200
    assert sum(result["counted"].values()) > 0


class Reading:
    """An aggregator that has read one message more at each look, up to some, and shows the count with the last."""

    def __init__(self, last: int, stops_at: int) -> None:
        self._last, self._stops_at, self._read = last, stops_at, 0

    def get(self, path: str, query: object = None) -> bytes:
        """Return the metrics."""
        assert (path, query) == ("/metrics", {"path": "fog"})
        return b"# TYPE a_total counter\na_total 7\n" if self._read == self._last else b""

    def json(self, path: str) -> dict[str, object]:
        """Return the status."""
        assert path == "/api/status"
        self._read = min(self._read + 1, self._stops_at)
        return {"streams": [{"sequence": self._read, "lag": self._last - self._read}]}


@pytest.mark.parametrize(("stops_at", "outcome"), [(9, ([], 0)), (5, (["a_total"], 4))], ids=["reads", "stands still"])
async def test_an_aggregator_that_reads_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, stops_at: int, outcome: tuple[list[str], int]
) -> None:
    """It takes longer than one that stands still is given; one that has not read all says nothing of the counts."""
    monkeypatch.setattr("fog_cli.swarm.run.END_SECONDS", 0.1)
    monkeypatch.setattr("fog_cli.swarm.run._POLL", 0.05)
    swarm = _Swarm(Settings(fleet=FleetOptions(path="fog")))
    monkeypatch.setattr(swarm, "_api", Reading(9, stops_at))
    found = await swarm._differences({"a_total": 7})  # noqa: SLF001 - the end of a run
    assert found == outcome
    words = _verdict(
        {"all_acknowledged": True, "conserved": not found[0], "different": found[0], "unread": found[1]}, 7
    )
    assert ("has not read 4 messages" in words) is bool(outcome[0])


async def frames_of(view: AggregatorView, least: int) -> int:
    """Return how many frames an aggregator has read, when these are more than some."""
    numbers = await view.numbers()
    return numbers.frames if numbers is not None and numbers.frames > least else 0


async def test_all_requests_of_a_moment_are_heard(fog_nats: NatsServer) -> None:
    """An aggregator asks a hundred nodes at once, each by itself, and all of them are one subscription's."""
    options, heard = NatsOptions.parse(fog_nats.url), set()
    publisher = Publisher(options, lambda _: None)
    await publisher.link.listen(["fog.v1.resync.>"], lambda subject, _: heard.add(subject))
    async with publisher.connection, connected_link(options) as link:
        assert await publisher.link.connected(60)
        assert publisher.connection.client is not None
        await publisher.connection.client.flush()
        subjects = {f"fog.v1.resync.fog.{number}" for number in range(1000)}
        for subject in subjects:
            await link.send(subject, b"")
        await eventually(lambda: heard == subjects)


async def test_it_is_held_and_goes_on() -> None:
    """While it is held its intervals pass in which nobody sends; they are counted as left out, and not made up for."""
    with NatsServer() as server:
        await make_streams(server.url)
        chances, numbers = Chances(), range(20)
        nats = NatsOptions.parse(server.url)
        child = Child.start(Plan(nats, "fog.v1", ("swarm",), 4, numbers, 10, 0.1, 1, chances, 1))
        try:
            await eventually(lambda: heard(child).get("frames", 0) > 20, what="its frames")
            child.tell(HOLD)
            before = await standstill(child)
            child.tell(GO)
            await eventually(lambda: heard(child)["frames"] > before, what="more frames")
            assert child.report["dropped"] > 0
            child.tell()
            await eventually(child.has_ended)
        finally:
            child.close()
    assert child.report["whole"] is True


async def test_it_waits_for_nothing_when_nobody_is_there_any_more() -> None:
    """Its parent told it to end, and then went; the server is gone too, so that no last count can be acknowledged."""
    with NatsServer() as server:
        await make_streams(server.url)
        plan = Plan(NatsOptions.parse(server.url), "fog.v1", ("swarm",), 4, range(20), 10, 0.1, 1, Chances(), 1)
        child = Child.start(plan)
        try:
            await eventually(lambda: heard(child).get("frames", 0) > 20, what="its frames")
            server.kill()
            child.tell()
            assert not child.has_ended()
            child.pipe.close()
            await eventually(lambda: not child.process.is_alive(), what="its end")
        finally:
            child.close()


def heard(child: Child) -> dict[str, Any]:
    """Return the newest report of a process."""
    child.listen()
    return child.report


async def standstill(child: Child) -> int:
    """Wait until two reports, one after the other, have the same frames, and return how many these are."""
    before = heard(child)

    def is_same() -> bool:
        nonlocal before
        earlier, before = before, heard(child)
        return earlier is not before and earlier.get("frames") == before["frames"]

    await eventually(is_same, what="two reports with the same frames")
    return int(before["frames"])


async def _ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    ended: tuple[str, str] = await asyncio.to_thread(process.communicate, timeout=120)
    return ended


async def test_ctrl_c_ends_it_in_order() -> None:
    """The nodes end with their finals, and all is acknowledged."""
    with NatsServer() as server:
        await make_streams(server.url)
        with fog("swarm", "--nodes", "20", "--interval", "100ms", "--no-check", "--nats", server.url) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, err = await _ended(process)
    assert (process.returncode, err) == (0, "")
    assert "all of it acknowledged" in out


def test_without_streams_it_says_what_to_do() -> None:
    """Within seconds, and not at the end."""
    with NatsServer() as server:
        done = run("swarm", "--nodes", "5", "--no-check", "--nats", server.url)
    assert done.returncode == 1
    assert "nothing is stored" in done.stderr
    assert "fog streams apply" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--nodes", "0"), "--nodes must be 1 to"),
        (("--series", "9999"), "--series 1 to"),
        (("--branching", "1"), "--branching must be 4 or more"),
        (("--processes", "9"), "--connections at least as many"),
        (("--losses", "101"), "101 is more than 100"),
        (("--path", "a b"), "--path"),
        (("--nats", "nats://127.0.0.1:1"), "no NATS server answers"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], what: str) -> None:
    """In one line, before anything starts."""
    done = run("swarm", *arguments)
    assert done.returncode in (1, 2)
    assert what in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_aggregator_is_told_at_the_beginning() -> None:
    """Not after an hour of load."""
    with NatsServer() as server:
        done = run("swarm", "--nats", server.url, "--api", free_address())
    assert done.returncode == 1
    assert "no aggregator answers" in done.stderr


def test_a_parent_that_is_killed_takes_its_processes_along() -> None:
    """Their pipe ends with it."""
    with NatsServer() as server:
        with fog("swarm", "--nodes", "5", "--no-check", "--nats", server.url) as process:
            wait_until(lambda: psutil.Process(process.pid).children(recursive=True), what="its processes")
            children = psutil.Process(process.pid).children(recursive=True)
        wait_until(lambda: not any(child.is_running() for child in children), what="their end")
