"""The memory that `fog agent` has of the kernel's counters, beside a real server and an aggregator."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from fog_cli.demo.aggregator_stats import AggregatorView
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator
from tests.cli.bus import with_streams
from tests.cli.processes import fog, run

FORKS = "node_forks_total "
AWAY = 80


def forks_now() -> int:
    """Return how many processes this machine has begun since its boot."""
    lines = Path("/proc/stat").read_text("utf-8").splitlines()
    return int(next(line.removeprefix("processes ") for line in lines if line.startswith("processes ")))


def begin_processes() -> None:
    """Let something happen on this machine."""
    for _ in range(AWAY):
        subprocess.run(["/bin/true"], check=True)


async def exported(view: AggregatorView) -> int:
    """Return the fleet's count of processes; -1 before its first frame."""
    text = await view.metrics() or ""
    return next((int(float(line.removeprefix(FORKS))) for line in text.splitlines() if line.startswith(FORKS)), -1)


async def one_life(url: str, state: Path, view: AggregatorView, seen: int, *, kill: bool) -> int:
    """Let an agent live until the fleet has more than `seen`, and end it; return what the fleet has at least."""
    arguments = ["--path", "fog/0", "--nats", url, "--interval", "100ms", "--state-dir", str(state)]
    with fog("agent", *arguments) as agent:

        async def more() -> int:
            found = await exported(view)
            return found + 1 if found > seen else 0

        found = await eventually(more, deadline=60, what="the fleet has counted on") - 1
        if kill:
            agent.kill()
        else:
            agent.terminate()
        await asyncio.to_thread(agent.communicate, timeout=60)
    return found


async def test_kernel_counters_are_counted_once(fog_nats: NatsServer, tmp_path: Path) -> None:
    """The time while the agent was away is counted once, after a kill -9 as after a good end; the past is not."""
    url = await asyncio.to_thread(with_streams, fog_nats.url)
    async with aggregator("--nats", url) as view:
        before = forks_now()
        seen = -1
        for kill in (True, False, True):
            seen = await one_life(url, tmp_path, view, seen, kill=kill)
            await asyncio.to_thread(begin_processes)
        seen = await one_life(url, tmp_path, view, seen, kill=False)
        assert 3 * AWAY <= seen <= forks_now() - before


def test_a_state_directory_that_cannot_be_used_is_told(fog_nats: NatsServer, tmp_path: Path) -> None:
    """One that was asked for, at once; without the default one the agent runs, with a word."""
    no_directory = tmp_path / "file"
    no_directory.write_text("", encoding="utf-8")
    done = run("agent", "--path", "fog/0", "--nats", fog_nats.url, "--state-dir", str(no_directory))
    assert done.returncode == 1
    assert "cannot keep an agent's state: File exists" in done.stderr
    with fog("agent", "--path", "fog/0", "--nats", fog_nats.url, XDG_STATE_HOME=str(no_directory)) as agent:
        assert agent.stderr is not None
        assert any("each start begins anew" in line for line in agent.stderr)
