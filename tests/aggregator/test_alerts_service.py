"""Alerts of real agents, over a real nats-server, in an aggregator that restarts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from tests.notifications.receiving import Hook, hook

RULES: Final = """\
groups:
- name: heat
  interval: 1s
  rules:
  - alert: Hot
    expr: temp{fog_level="2"} > 5
    annotations: {summary: "{{ $labels.fog_path }} is hot"}
"""
NODE: Final = """\
import asyncio, sys
from fog_agent import Agent
from utilityfog_frontend.telemetry import TelemetryCollector

async def main():
    collector = TelemetryCollector(self_metrics=False)
    collector.register_gauge("temp", "Temperature").set(9)
    async with Agent(collector, path=sys.argv[2], servers=sys.argv[1], interval=0.2):
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def node(server: NatsServer, path: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a hot node in a process of its own; it ends in order when its standard input does."""
    command = [sys.executable, "-c", NODE, server.url, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


async def alerts(aggregator: Aggregator) -> dict[str, Any]:
    """Return the alerts by their nodes, as the API tells of them."""
    host, port = aggregator.web.address
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{host}:{port}/api/v1/alerts") as response,
    ):
        found = (await response.json())["data"]["alerts"]
    return {alert["labels"]["fog_path"]: alert for alert in found}


def told(taking: Hook, path: str) -> list[dict[str, Any]]:
    """Return what the Alertmanager was told of a node."""
    every = [alert for body in taking.bodies for alert in body]
    return [alert for alert in every if alert["labels"]["fog_path"] == path]


def settings_of(server: NatsServer, directory: Path, receiver: str) -> AggregatorConfig:
    """Return the settings of an aggregator with the rules, a state and one receiver."""
    rules = directory / "rules.yml"
    rules.write_text(RULES)
    return config(
        server, state_dir=directory / "state", rules=(str(rules),), history_step=0.5, alertmanager=(receiver,)
    )


async def is_held(aggregator: Aggregator, path: str) -> bool:
    """Tell whether the alert of a node is held."""
    return "no_data" in (await alerts(aggregator))[path]["annotations"]


async def test_an_alert_of_a_killed_node_is_held_and_that_of_an_ended_one_is_over(
    fog_nats: NatsServer, tmp_path: Path
) -> None:
    """A kill -9 resolves nothing, nor does a restart of the aggregator, which does not fire anew either."""
    async with hook() as taking:
        settings = settings_of(fog_nats, tmp_path, taking.url)
        with ExitStack() as stack:
            killed, ended = (stack.enter_context(node(fog_nats, path)) for path in ("fog/0/1", "fog/0/2"))
            async with serving(settings) as first:
                await eventually(lambda: told(taking, "fog/0/1") and told(taking, "fog/0/2"), deadline=40)
                killed.kill()
                await eventually(lambda: is_held(first, "fog/0/1"), deadline=30, what="the alert is held")
                begun = {path: alert["activeAt"] for path, alert in (await alerts(first)).items()}
            async with serving(settings) as second:
                assert {path: alert["activeAt"] for path, alert in (await alerts(second)).items()} == begun
                assert ended.stdin is not None
                ended.stdin.close()
                await eventually(
                    lambda: "ended_by" in told(taking, "fog/0/2")[-1]["annotations"], deadline=60, what="it resolved"
                )
                assert (await alerts(second))["fog/0/1"]["state"] == "firing"
    over = told(taking, "fog/0/2")[-1]
    assert over["annotations"]["ended_by"] == "node_ended"
    assert {alert["startsAt"] for alert in told(taking, "fog/0/2")} == {over["startsAt"]}
    assert all("ended_by" not in alert["annotations"] for alert in told(taking, "fog/0/1"))
    assert min(alert["endsAt"] for alert in told(taking, "fog/0/1")) > over["endsAt"]
    assert len({alert["startsAt"] for alert in told(taking, "fog/0/1")}) == 1
