"""Jobs tell a spool, and every agent that reads it is killed but the last: an aggregator's /metrics has each once."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.jobs.listening import Place
from tests.cli.processes import ENVIRON

MOMENTS = ("1:claim", "2:begin", "1:count", "3:settle", "1:remove", "3:end")
SECONDS = 60.0


@contextmanager
def agent(moment: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an agent that is killed at a moment; killed at the end, if nobody else has."""
    argv = [sys.executable, "-m", "tests.cli.jobs.killed_agent", moment, "agent", *arguments]
    with subprocess.Popen(argv, env=ENVIRON) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(place: Place, number: int) -> None:
    """Let three jobs tell something: counters, an observation, and a run."""
    for words in (
        ["emit", "orders_total", "3", f"life={number}"],
        ["emit", "-"],
        ["run", "--name", "j", "--", "true"],
    ):
        given = b'# TYPE took histogram\norders_total{life="%d"} 4\nhistogram took 0.25\n' % number
        assert place.fog(*words, given=given) == (0, b"", b"")


def waiting(place: Place) -> list[Path]:
    """List the messages that are in the spool."""
    return [file for file in place.spool.iterdir() if ".job" in file.name]


def shown(url: str) -> dict[str, float]:
    """Add up what /metrics shows of jobs, over all labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(orders_total|job_runs_total|took_count)(?:{.*})? (.+)$", text, re.MULTILINE):
        found[name] = found.get(name, 0) + float(value)
    return found


async def test_each_message_counts_once(place: Place, tmp_path: Path, fog_nats: NatsServer, fog_fleet: Fleet) -> None:
    """Killed before a file is claimed, and before and after each step with it; jobs go on telling all the time."""
    sources, journals = tmp_path / "sources.toml", tmp_path / "journals"
    sources.write_text(f'[jobs]\nsocket = "{place.socket}"\nspool = "{place.spool}"\n')
    where = ["--path", "fog/0/3", "--nats", fog_nats.url, "--sources", str(sources), "--journal", str(journals)]
    options = [*where, "--interval", "200ms", "--state-dir", str(tmp_path / "state")]
    for number, moment in enumerate(MOMENTS):
        await asyncio.to_thread(tell, place, number)
        with agent(moment, *options) as killed:
            assert await asyncio.to_thread(killed.wait, SECONDS) == -signal.SIGKILL, moment
    with agent("", *options) as last:
        await eventually(lambda: not waiting(place), deadline=SECONDS, what="the spool is taken")
        await asyncio.to_thread(tell, place, len(MOMENTS))
        await eventually(
            lambda: not waiting(place) and len(list(journals.glob("*.journal"))) == 1,
            deadline=SECONDS,
            what="the spool is taken, and the journals of the dead are dealt with",
        )
        last.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(last.wait, SECONDS) == 0
    lives = len(MOMENTS) + 1
    expected = {"orders_total": 7 * lives, "took_count": lives, "job_runs_total": lives}

    async def is_shown() -> bool:
        return await asyncio.to_thread(shown, fog_fleet.url) == expected

    await fog_fleet.settle()
    await eventually(is_shown, deadline=SECONDS, what="the counts are shown")
