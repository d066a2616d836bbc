"""`fog aggregator` as a process: misuse, files it exports to, and forgetting nodes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fog_agent import Agent
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator, shows
from tests.cli.bus import make_streams
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--path", "fog/a b"], "token 2 'a b' is not allowed"),
        (["--listen", "nowhere"], "--listen: 'nowhere' is not HOST:PORT"),
        (["--prefix", "a b"], "subject prefix 'a b' is not allowed"),
        (["--horizon", "soon"], "--horizon: 'soon' is not a duration"),
        (["--export-interval", "0s"], "--export-interval: '0s' must be more than nothing"),
        (["--publish-rollup"], "a rollup is that of a subtree: give its path"),
        (["--branches", "fog/0,fog//1"], "branch 'fog//1' is not allowed"),
        (["--branches", "fog/*,fog/0"], "branches fog/* and fog/0 overlap"),
        (["--path", "fog/0", "--branches", "fog/1"], "branch fog/1 does not lie under fog/0"),
        (["--rollup-interval", "2h"], "--rollup-interval: '2h' is out of bounds"),
    ],
)
def test_misuse(arguments: list[str], said: str, tmp_path: Path) -> None:
    """One line that says what to do, exit code 2."""
    done = run("aggregator", *arguments, "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("fog aggregator: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_port_in_use(tmp_path: Path) -> None:
    """One line that names the address, exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("aggregator", "--listen", address, "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert address in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


async def test_forget(fog_nats: NatsServer) -> None:
    """A node that ended, or departed, is gone at once, and its counts stay in the total."""
    await make_streams(fog_nats.url)
    collector = TelemetryCollector()
    collector.register_counter("things_total", "Things").increment(3)
    async with Agent(collector, path="fog/0/3", servers=fog_nats.url, interval=0.1) as agent:
        assert await agent.flush()
    async with aggregator("--nats", fog_nats.url, "--departed-after", "100ms") as view:
        await eventually(lambda: shows(view, 'fog_aggregator_nodes{state="ended"} 1'))
        done = run("forget", "fog/0", "--nats", fog_nats.url, "--api", view.url)
        assert (done.returncode, done.stderr) == (0, "")
        text = await eventually(lambda: shows(view, 'fog_aggregator_nodes{state="ended"} 0'))
        assert "things_total 3" in text.splitlines()
