"""Three tiers: a root above regions, a region above sites, and nodes beside the branches of each.

With the shipped files and credentials, and without. A region has a pair of aggregators, and one of these may lose its
state.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import nats
import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_bus.streams import reader_names
from fog_cli.credentials.roles import READER, SUBTREE, roles
from fog_cli.demo.aggregator_stats import AggregatorView
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import running, serving, total
from tests.cli.aggregators import aggregator, free_address, shows
from tests.cli.processes import fog, run
from tests.deployments.shipped import DEPLOY
from tests.rights.shipped import Shipped, signed
from utilityfog_frontend.telemetry import TelemetryCollector

NODES = {"fog/0/0/1": 1, "fog/0/0/2": 20, "fog/0/9": 300, "fog/9": 4000}
"""The count of each node, by path: two of the site fog/0/0, one beside the sites of fog/0, one beside the regions."""


def tier(server: NatsServer, path: str, branches: str) -> AggregatorConfig:
    """Return the settings of an aggregator of a subtree, which sends its totals up unless it is the root's."""
    place = tuple(path.split("/")) if path else ()
    return AggregatorConfig(
        nats=NatsOptions.parse(server.url),
        listen=("127.0.0.1", 0),
        path=place,
        branches=(tuple(branches.split("/")),) if branches else (),
        publish_rollup=bool(place),
        rollup_interval=0.1,
    )


async def test_each_tier_has_what_is_below_it(fog_nats: NatsServer) -> None:
    """The middle one is away for a while, and what was counted meanwhile comes through it once it is back."""
    async with AsyncExitStack() as stack:
        root, _ = await stack.enter_async_context(running(tier(fog_nats, "", "fog/0")))
        site = await stack.enter_async_context(serving(tier(fog_nats, "fog/0/0", "")))
        counters = {}
        for path, number in NODES.items():
            collector = TelemetryCollector()
            counters[path] = collector.register_counter("work_total", "Work")
            counters[path].increment(number)
            await stack.enter_async_context(Agent(collector, path=path, servers=fog_nats.url, interval=0.1))

        async def all_have(**expected: tuple[Aggregator, int]) -> None:
            await eventually(lambda: all(total(one, "work_total") == number for one, number in expected.values()))

        region_settings = tier(fog_nats, "fog/0", "fog/0/0")
        async with serving(region_settings) as region:
            await all_have(site=(site, 21), region=(region, 321), root=(root, 4321))
        counters["fog/0/0/1"].increment(5)
        await all_have(site=(site, 26), root=(root, 4321))
        async with serving(region_settings) as region:
            await all_have(region=(region, 326), root=(root, 4326))


def credentials(shipped: Shipped, role: str, place: str) -> tuple[str, str]:
    """Make a user of a role at a place; return its file and the prefix of its inboxes."""
    keys = Path(shipped.logins["admin"]["creds"]).parent
    made = run("creds", role, place, "--dir", str(keys))
    assert made.returncode == 0, made.stderr
    file, _, inbox = made.stdout.split()
    return file, inbox


async def test_the_shipped_files_with_no_right_that_is_not_shipped() -> None:
    """root.toml above region.toml above branch.toml, each with credentials of its role: each has what is below it.

    The region names the site that no aggregator reads.
    """
    nodes = {"fog/0/0/3": 1, "fog/0": 20, "fog": 300, "fog/0/7/1": 4000}
    with signed() as shipped:
        for path in ("fog/0/0", "fog/0/7"):
            made = run("streams", "apply", "--path", path, "--update", *shipped.options("admin"))
            assert made.returncode == 0, made.stderr
        async with AsyncExitStack() as stack:

            async def start(file: str, login: tuple[str, str], *others: str) -> AggregatorView:
                reading = ("--nats", shipped.server.url, "--creds", login[0], "--inbox-prefix", login[1])
                return await stack.enter_async_context(aggregator("--config", str(DEPLOY / file), *reading, *others))

            for path, number in nodes.items():
                collector = TelemetryCollector()
                collector.register_counter("work_total", "Work").increment(number)
                creds, inbox = credentials(shipped, "node", path)
                options = NatsOptions.parse(shipped.server.url, creds=creds, inbox_prefix=inbox)
                agent = await stack.enter_async_context(Agent(collector, path=path, options=options, interval=0.1))
                assert await agent.flush()
            known = shipped.logins["aggregator"]
            often = ("--rollup-interval", "100ms")
            root = await start("root.toml", (known["creds"], known["inbox_prefix"]))
            region = await start("region.toml", credentials(shipped, "region", "fog/0"), *often)
            branch = credentials(shipped, "branch", "fog/0/0")
            site = await start("branch.toml", branch, "--path", "fog/0/0", *often)
            for tier, total_of_tier in ((site, 1), (region, 21), (root, 321)):
                await eventually(lambda: shows(tier, f"work_total {total_of_tier}"), deadline=60)  # noqa: B023 - awaited
            unread = 'fog_aggregator_branch_nodes_unread{path="fog/0/7"} 1'
            await eventually(lambda: shows(region, unread), deadline=60, what="a site that nobody reads is named")


def rights(role: str) -> set[str]:
    """Return what a role may publish, as a user of fog/0."""
    names = reader_names(("fog", "0"))
    given = (right.replace(SUBTREE, "fog_0") for right in roles("fog.v1")[role].publish)
    return {right.replace(READER, name) for right in given for name in names}


def test_remarks_have_the_rights_of_a_region() -> None:
    """In the shipped user of a branch they are those that `fog creds region` gives and `fog creds branch` does not."""
    remarks = re.findall(r'^ *# ("\$JS.*)$', (DEPLOY / "nats-server.conf").read_text(), re.MULTILINE)
    assert {right for line in remarks for right in re.findall(r'"([^"]*)"', line)} == rights("region") - rights(
        "branch"
    )


@contextmanager
def member(server: NatsServer, address: str, state: Path, *others: str) -> Iterator[AggregatorView]:
    """Run one of the region's pair as a process, which may ask others for their state; it is killed at the end."""
    words = ["--nats", server.url, "--listen", address, "--path", "fog/0", "--branches", "fog/0/0", "--publish-rollup"]
    words += ["--rollup-interval", "0.1s", "--http.advertise", f"http://{address}", "--state-dir", str(state)]
    words += ["--checkpoint-interval", "0.2s", "--checkpoint-share", "100%"]
    words += [word for other in others for word in ("--bootstrap.allow", f"http://{other}")]
    with fog("aggregator", *words):
        yield AggregatorView(address)


async def is_at(view: AggregatorView, number: int) -> bool:
    """Tell whether a process is ready and shows a total."""
    return f"work_total {number}" in (await view.metrics() or "").splitlines()


async def lose_frames(server: NatsServer) -> None:
    """Let the stream lose all that nodes have sent."""
    client = await nats.connect(server.url)
    await client.jetstream().purge_stream("FOG_V1_METRICS")
    await client.close()


@pytest.mark.parametrize("finds", [True, False], ids=["finds the other one", "begins without"])
async def test_a_blank_member_of_the_middle_pair(fog_nats: NatsServer, tmp_path: Path, *, finds: bool) -> None:
    """It has what the stream has lost from the other one, and counts on; else the root stands still, and says so."""
    one, two, states = free_address(), free_address(), (tmp_path / "one", tmp_path / "two")
    async with AsyncExitStack() as stack:
        root, _ = await stack.enter_async_context(running(tier(fog_nats, "", "fog/0")))
        await stack.enter_async_context(serving(tier(fog_nats, "fog/0/0", "")))
        counters = {}

        async def begin(path: str, nodes: AsyncExitStack) -> None:
            collector = TelemetryCollector()
            counters[path] = collector.register_counter("work_total", "Work")
            counters[path].increment(NODES[path])
            await nodes.enter_async_context(Agent(collector, path=path, servers=fog_nats.url, interval=0.1))

        for path in ("fog/0/0/1", "fog/0/0/2", "fog/9"):
            await begin(path, stack)
        with member(fog_nats, one, states[0]) as first:
            with member(fog_nats, two, states[1]) as second:
                async with AsyncExitStack() as leaving:
                    await begin("fog/0/9", leaving)
                    await eventually(lambda: is_at(first, 321), deadline=60)
                await eventually(lambda: is_at(second, 321), deadline=60)
                await eventually(lambda: total(root, "work_total") == 4321, deadline=60)
            before = set(states[0].glob("checkpoint-*.fog"))
            await eventually(lambda: set(states[0].glob("checkpoint-*.fog")).isdisjoint(before), deadline=60)
            await lose_frames(fog_nats)
            shutil.rmtree(states[1])
            second = stack.enter_context(member(fog_nats, two, states[1], *([one] if finds else [])))
            await eventually(lambda: is_at(second, 321 if finds else 21), deadline=60)
        counters["fog/0/0/1"].increment(5)
        await eventually(lambda: is_at(second, 326 if finds else 26), deadline=60)
        if finds:
            await eventually(lambda: total(root, "work_total") == 4326, deadline=60)
        else:
            await eventually(root.network.fleet.lost_branches, deadline=60)
            assert total(root, "work_total") == 4321
