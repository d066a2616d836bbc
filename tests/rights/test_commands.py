"""Each command that connects, with users of the shipped configurations: what it may do, and which right it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fog_agent import Agent, NatsOptions
from fog_cli.demo.aggregator_stats import AggregatorView
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator, shows
from tests.cli.processes import fog, run
from tests.rights.shipped import Shipped
from utilityfog_frontend.telemetry import TelemetryCollector

HEAR, PUBLISH = "permissions violation for subscription to", "permissions violation for publish to"
REFUSED = [
    ("streams apply", "operator", f'{PUBLISH} "$JS.API.STREAM.NAMES"'),
    ("streams apply", "node", f'{PUBLISH} "$JS.API.STREAM.NAMES"'),
    ("streams apply", "branch", f'{PUBLISH} "$JS.API.STREAM.INFO.FOG_V1_METRICS"'),
    ("forget fog/Rack7", "aggregator", f'{PUBLISH} "fog.v1.control.fog.Rack7"'),
    ("forget fog/0", "branch", f'{PUBLISH} "fog.v1.control.fog.0"'),
    ("forget fog/0/3", "node", f'{PUBLISH} "fog.v1.control.fog.0.3"'),
    ("forget fog/0", "admin", f'{PUBLISH} "fog.v1.control.fog.0"'),
    ("quarantine fog/0/3 --why x", "node", f'{PUBLISH} "fog.v1.control.fog.0.3"'),
    ("rebase fog/0 --why x", "branch", f'{PUBLISH} "fog.v1.control.fog.0"'),
    ("silence add FogNodesSilent --path fog/0", "branch", f'{PUBLISH} "fog.v1.control.fog.0"'),
    ("silence expire some-id --path fog/0/3", "node", f'{PUBLISH} "fog.v1.control.fog.0.3"'),
    ("decode --path fog/0/3", "node", f'{HEAR} "fog.v1.metrics.fog.0.3"'),
    ("decode --path fog/0/3", "aggregator", f'{HEAR} "fog.v1.metrics.fog.0.3"'),
    ("decode --path fog/1 --rollups", "branch", f'{HEAR} "fog.v1.rollups.fog.1"'),
]


@pytest.mark.parametrize(("command", "who", "why"), REFUSED, ids=lambda value: value.split(" fog.v1")[0][:40])
def test_it_says_which_right_is_missing(shipped: Shipped, command: str, who: str, why: str) -> None:
    """On one line, in the server's words, at once: not that no server answers, nor that the two are not equal."""
    done = run(*command.split(), *shipped.options(who))
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_inbox_is_told_as_such(shipped: Shipped) -> None:
    """Answers would come where this user may not hear them: the command names the option."""
    options = shipped.options("operator")
    options[-1] = "_INBOX_ELSEWHERE"
    done = run("forget", "fog/0", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert "answers may not come to _INBOX_ELSEWHERE." in done.stderr
    assert "set the inbox prefix that this user may subscribe to" in done.stderr


@asynccontextmanager
async def watched(shipped: Shipped) -> AsyncIterator[AggregatorView]:
    """Run a node that counts, and an aggregator that has read it."""
    collector = TelemetryCollector()
    collector.register_counter("things_total", "Things").increment(3)
    options = NatsOptions.parse(shipped.server.url, **shipped.logins["node"])
    async with (
        Agent(collector, path="fog/0/3", options=options, interval=0.1),
        aggregator(*shipped.options("aggregator"), "--no-create-streams") as view,
    ):
        await eventually(lambda: shows(view, 'fog_aggregator_nodes{state="live"} 1'), deadline=30)
        yield view


async def test_an_audit_says_which_right_is_missing(shipped: Shipped) -> None:
    """It is no verdict: an operator has one, and nobody else."""
    async with watched(shipped) as view:
        ask = ("audit", "fog", "--api", view.url)
        for who in ("branch", "aggregator", "node", "admin"):
            done = await asyncio.to_thread(run, *ask, *shipped.options(who))
            assert (done.returncode, done.stdout) == (1, ""), who
            assert f'fog audit: not audited: NATS refuses this user: {HEAR} "fog.v1.metrics.fog' in done.stderr
        done = await asyncio.to_thread(run, *ask, *shipped.options("operator"))
        assert (done.returncode, done.stderr) == (0, "")
        assert "equal: " in done.stdout


async def test_an_operator_commands_and_decodes(shipped: Shipped) -> None:
    """With the rights of its user and no others."""
    async with watched(shipped):
        for command in ("forget fog/7", "silence add FogNodesSilent --path fog/0 --duration 1h"):
            done = await asyncio.to_thread(run, *command.split(), *shipped.options("operator"))
            assert (done.returncode, done.stderr) == (0, ""), command
        with fog("decode", "--path", "fog/0/3", *shipped.options("operator")) as process:
            assert process.stdout is not None
            line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 30)
            assert line.startswith("fog.v1.metrics.fog.0.3: ")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("agent --path fog/0/4", f'{PUBLISH} "fog.v1.metrics.fog.0.4"'),
        ("aggregator --listen 127.0.0.1:0 --no-create-streams", f'{PUBLISH} "$JS.API.STREAM.NAMES"'),
    ],
    ids=["agent", "aggregator"],
)
async def test_a_service_says_it_in_its_log(shipped: Shipped, command: str, why: str) -> None:
    """It runs on, as the server may be told otherwise; a node's user is neither another node's nor an aggregator's."""
    with fog(*command.split(), *shipped.options("node"), FOG_INTERVAL="1s") as process:
        assert process.stderr is not None
        lines: list[str] = []
        while not any(why.lower() in line.lower().replace("\\", "") for line in lines):
            lines.append(await asyncio.wait_for(asyncio.to_thread(process.stderr.readline), 30))
            assert lines[-1], lines
        assert process.poll() is None
