"""A learned node that left and never came back is told of, over a restart of the aggregator; others are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.engine import sweeper
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.expected import parse_expected
from fog_aggregator.service import Aggregator
from fog_bus.ports import Outcome
from fog_schema.commands import FORGET, QUARANTINE, Command, encode_command
from fog_schema.paths import Path as NodePath
from fog_schema.paths import parse_path
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from tests.aggregator.test_alerts_service import alerts, told
from tests.bus.broker import connected
from tests.notifications.receiving import Hook, hook

KILLED, ENDED, EPHEMERAL, FORGOTTEN, OUT = (
    parse_path(f"fog/0/{name}") for name in ("killed", "ended", "ephemeral", "forgotten", "out")
)
NODES: Final = (KILLED, ENDED, EPHEMERAL, FORGOTTEN, OUT)
HORIZON: Final = 2.0
RULES: Final = """\
groups:
- name: nodes
  interval: 1s
  rules:
  - alert: Missing
    expr: fog_aggregator_nodes{fog_level="2", state="missing"} > 0
"""
PROCESS: Final = """\
import asyncio, sys
from fog_agent import Agent
from utilityfog_frontend.telemetry import TelemetryCollector

async def main():
    agents = {}
    for path in sys.argv[2:]:
        collector = TelemetryCollector(self_metrics=False)
        collector.register_gauge("temp", "Temperature").set(9)
        agents[path] = Agent(collector, path=path, servers=sys.argv[1], interval=0.2, ephemeral="ephemeral" in path)
        await agents[path].start()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await agents[line.strip()].stop()

asyncio.run(main())
"""


@contextmanager
def nodes(server: NatsServer, *paths: NodePath) -> Iterator[subprocess.Popen[str]]:
    """Run nodes in one process; each ends in good order when its path comes on standard input."""
    command = [sys.executable, "-c", PROCESS, server.url, *("/".join(path) for path in paths)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def settings_of(server: NatsServer, directory: Path, receiver: str) -> AggregatorConfig:
    """Return the settings of an aggregator that learns, and gives nodes up within seconds."""
    rules = directory / "rules.yml"
    rules.write_text(RULES)
    return config(
        server,
        state_dir=directory / "state",
        rules=(str(rules),),
        history_step=0.5,
        alertmanager=(receiver,),
        expect=parse_expected(["learned"]),
        horizon=HORIZON,
        departed_after=1.0,
    )


def age(directory: Path) -> None:
    """Turn the checkpoint into one of nodes that were heard a day before as well."""
    with CheckpointFiles(directory) as files:
        image = files.load(lambda image: image)
        assert image is not None
        image.arrays["roster/place.first_seen"] -= DAY
        files.save(image)


async def order(server: NatsServer, path: NodePath, command: Command) -> None:
    """Let an operator say something about a path."""
    async with connected(server.url) as link:
        answer = await link.publish(f"fog.v1.control.{'.'.join(path)}", encode_command(command), 5)
    assert answer.outcome is Outcome.ACKED


async def leave(server: NatsServer, process: subprocess.Popen[str], aggregator: Aggregator) -> None:
    """Let one node end, an operator take one out, all be killed, and the operator forget one of these."""
    network = aggregator.network
    assert process.stdin is not None
    process.stdin.write("/".join(ENDED) + "\n")
    process.stdin.flush()
    await order(server, OUT, Command(QUARANTINE, "a", comment="it lies"))
    await eventually(lambda: network.life_of(ENDED) is Life.ENDED and network.life_of(OUT) is Life.QUARANTINED)
    process.kill()
    await eventually(lambda: network.life_of(FORGOTTEN) is Life.DEPARTED)
    await order(server, FORGOTTEN, Command(FORGET))


def over(taking: Hook) -> bool:
    """Tell whether the Alertmanager was told that the alert has ended: it names a moment that has passed."""
    last = told(taking, "fog/0/killed")[-1]
    return bool(datetime.fromisoformat(last["endsAt"]) <= datetime.now(UTC))


async def test_a_node_that_never_came_back_is_told_of(
    fog_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that ended in order, nor an ephemeral, a forgotten, or a quarantined one; until it is heard again."""
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.5)
    async with hook() as taking:
        settings = settings_of(fog_nats, tmp_path, taking.url)
        with ExitStack() as stack:
            process = stack.enter_context(nodes(fog_nats, *NODES))
            async with serving(settings) as first:
                await eventually(lambda: first.network.paths() == sorted(NODES), what="all are heard")
            age(tmp_path / "state")
            async with serving(settings) as second:
                await leave(fog_nats, process, second)
                await eventually(lambda: told(taking, "fog/0/killed"), deadline=30, what="one is missing")
                left = {path for path in second.network.paths() if path in NODES}
                begun = {path: alert["activeAt"] for path, alert in (await alerts(second)).items()}
                assert (left, list(begun)) == ({OUT}, ["fog/0/killed"])
            async with serving(settings) as third:
                assert third.network.missing() == [(KILLED, 1)]
                assert {path: alert["activeAt"] for path, alert in (await alerts(third)).items()} == begun
                stack.enter_context(nodes(fog_nats, KILLED))
                await eventually(lambda: third.network.life_of(KILLED) is Life.LIVE and over(taking), deadline=30)
