"""Branches that no aggregator reads are named: in coverage, by `/-/ready`, in the status and by metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp
import pytest

from fog_agent import Agent
from fog_aggregator.components.unread.unread import UnreadBranches
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.places.unread import Unread, nodes_by_branch
from fog_aggregator.service import Aggregator
from fog_aggregator.tasks import Loops
from fog_bus.ports import LogError
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.fleet import Fleet
from tests.aggregator.services import config, serving
from utilityfog_frontend.telemetry import TelemetryCollector


def test_nodes_are_counted_at_and_below_each_branch() -> None:
    """Of the subjects of a stream: those of paths without a branch, and what is no path, are left out."""
    found = nodes_by_branch(
        [f"fog.v1.metrics.{place}" for place in ("fog", "fog.0", "fog.0.1", "fog.1.1.1", "not/a/path", "else.0")],
        Subjects(),
        BranchPatterns([("fog", "*"), ("other", "0")]),
    )
    assert found == {("fog", "0"): 2, ("fog", "1"): 1}


def test_a_branch_that_was_heard_is_not_unread() -> None:
    """Also while the last look knows it as unread; and one by its whole path is known without a look."""
    heard = {("fog", "0")}
    unread, branches = Unread(heard.__contains__), BranchPatterns([("fog", "0"), ("fog", "1"), ("lab", "*")])
    assert unread.to_look_at(branches) == [("fog", "1"), ("lab", "*")]
    assert unread.never_heard(branches) == Counter({("fog", "1"): 0})
    unread.found = {("lab", "7"): 3, ("fog", "1"): 0, ("fog", "0"): 2}
    assert unread.under(()) == [(("fog", "1"), 0), (("lab", "7"), 3)]
    assert unread.under(("lab",)) == [(("lab", "7"), 3)]
    heard.add(("lab", "7"))
    assert unread.under(("lab",)) == []


async def test_all_pages_of_a_streams_subjects_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server tells at most so many at once; a stream that does not answer leaves what was found of it before."""
    monkeypatch.setattr("fog_aggregator.components.unread.unread.EVERY", 0.0)
    monkeypatch.setattr("fog_aggregator.components.unread.unread.REST", 0)
    names = [f"fog.v1.metrics.fog.0.{number}" for number in range(5)]
    refused: list[str] = []

    class Paged:
        stream = "FOG_V1_METRICS"

        async def subjects(self, matching: str, skip: int = 0) -> list[str]:
            if refused:
                refused.append(matching)
                raise LogError("timeout")
            return names[skip : skip + 2] if matching.endswith(">") else []

    async def logs() -> list[Paged]:
        return [Paged()]

    unread, branches = Unread(lambda _: False), BranchPatterns([("fog", "*")])
    given: Any = (logs, Subjects(), branches, unread, lambda: True, TelemetryCollector(reserved_names=True), Loops())
    component = UnreadBranches(*given)
    await component.start()
    await eventually(lambda: unread.under(()) == [(("fog", "0"), 5)])
    refused.append("from now on")
    await eventually(lambda: len(refused) > 3, what="it was asked again, and again")
    assert unread.under(()) == [(("fog", "0"), 5)]
    await component.stop(1.0)


def _unread(root: Aggregator) -> dict[str, int]:
    found = root.network.collect()
    series = [
        one for family in found if family.family.name == "fog_aggregator_branch_nodes_unread" for one in family.series
    ]
    return {dict(one.labels)["path"]: one.value for one in series}  # type: ignore[misc]


async def _ask(root: Aggregator, path: str, status: int = 200) -> str:
    host, port = root.web.address
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
        assert answer.status == status, await answer.text()
        return await answer.text()


async def test_a_branch_without_an_aggregator_is_named(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its nodes send and are in no number; so is one that is configured and was never there. A rollup ends it."""
    for pause, seconds in (("EVERY", 0.1), ("REST", 0)):
        monkeypatch.setattr(f"fog_aggregator.components.unread.unread.{pause}", seconds)
    collectors = [TelemetryCollector(self_metrics=False) for _ in range(3)]
    agents = [
        Agent(collector, path=path, servers=fog_nats.url, interval=0.2)
        for collector, path in zip(collectors, ("fog/0/a", "fog/0/b", "fog/1/a"), strict=True)
    ]
    root_config = config(fog_nats, branches=(("fog", "*"), ("lab", "7")))
    branch = config(fog_nats, path=("fog", "1"), publish_rollup=True, rollup_interval=0.2)
    async with serving(root_config) as root, serving(branch), agents[0], agents[1], agents[2]:
        await eventually(lambda: _unread(root) == {"fog/0": 2, "lab/7": 0}, what="they are named")
        ready = await _ask(root, "/-/ready")
        assert "no aggregator reads 2 branches, 2 nodes are in no number: fog/0 (2 nodes), lab/7 (0 nodes)" in ready
        metrics = await _ask(root, "/metrics")
        assert "\nfog_aggregator_branches_unread 2" in metrics
        assert '\nfog_aggregator_nodes{state="unread"} 2' in metrics
        level = await _ask(root, "/metrics?level=1")
        assert 'fog_aggregator_nodes{fog_level="1",fog_path="fog/0",state="unread"} 2' in level
        assert 'fog_aggregator_nodes{fog_level="1",fog_path="fog/1",state="unread"}' not in level
        assert '"unread": [{"path": "fog/0", "nodes": 2}, {"path": "lab/7", "nodes": 0}]' in await _ask(
            root, "/api/status"
        )
        assert '"unread": 2' in await _ask(root, "/api/nodes")
        assert '"total": 2' in await _ask(root, "/api/nodes?state=unread")
        for question in ("/metrics?path=fog/0", "/metrics?node=fog/0/a", "/api/changes?path=fog/0/a"):
            refused = await _ask(root, question, 404)
            assert "no aggregator reads the branch fog/0: its nodes are in no number" in refused
        async with serving(config(fog_nats, path=("fog", "0"), publish_rollup=True, rollup_interval=0.2)):
            await eventually(lambda: _unread(root) == {"lab/7": 0}, what="the branch is read")
            assert '\nfog_aggregator_nodes{state="unread"} 0' in await _ask(root, "/metrics")


def test_coverage_says_who_waits_for_a_keyframe() -> None:
    """A node that lost a frame is gapped where it is counted, until its keyframe comes, or it is silent itself."""
    fleet = Fleet()
    for path in ("fog/0/a", "fog/0/b", "fog/1/a"):
        fleet.join(path).collector.register_counter("done_total").increment(5)
    fleet.send()
    fleet.members[1].skip()
    fleet.send()
    by_place = {(("fog_level", "1"), ("fog_path", "fog/0")): 1}
    assert fleet.samples("fog_aggregator_nodes_gapped") == {(): 1}
    assert fleet.samples("fog_aggregator_nodes_gapped", level=1) == by_place
    assert fleet.network.coverage().total().gapped == 1
    assert fleet.network.inventory(lambda held: held.summary(("fog", "1")))["coverage"]["gapped"] == 0
    fleet.now += 60
    assert fleet.samples("fog_aggregator_nodes_gapped") == {(): 0}
