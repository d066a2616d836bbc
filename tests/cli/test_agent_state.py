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
AWAY = 100
"""So many begin while no agent is there: more than the threads of an agent that starts, which the kernel counts too."""


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


async def one_life(url: str, state: Path, view: AggregatorView, *, kill: bool) -> int:
    """Let an agent live until the fleet has more, and end it; return how much came first, once all of it is read."""
    arguments = ["--path", "fog/0", "--nats", url, "--interval", "100ms", "--state-dir", str(state)]
    known = await exported(view)
    with fog("agent", *arguments) as agent:

        async def more() -> int:
            return max(0, await exported(view) - known)

        came = await eventually(more, deadline=60, what="the fleet has counted on")
        if kill:
            agent.kill()
        else:
            agent.terminate()
        await asyncio.to_thread(agent.communicate, timeout=60)

    async def read_to_its_end() -> bool:
        numbers = await view.numbers()
        return numbers is not None and numbers.live == 0

    await eventually(read_to_its_end, deadline=60)
    return came


async def test_kernel_counters_are_counted_once(fog_nats: NatsServer, tmp_path: Path) -> None:
    """The time while the agent was away is counted once, after a kill -9 as after a good end; the past is not."""
    url = await asyncio.to_thread(with_streams, fog_nats.url)
    async with aggregator("--nats", url) as view:
        before = forks_now()
        await one_life(url, tmp_path, view, kill=True)
        for kill in (False, True, False):
            await asyncio.to_thread(begin_processes)
            assert await one_life(url, tmp_path, view, kill=kill) >= AWAY
        assert await exported(view) <= forks_now() - before


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
