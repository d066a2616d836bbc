"""A reader that is stopped for longer than its horizon, as a real process: a pause of the reader is no silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fog_agent import Agent
from fog_cli.demo.aggregator_stats import AggregatorView
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import free_address, is_healthy, shows
from tests.cli.processes import ENVIRON
from utilityfog_frontend.telemetry import TelemetryCollector

HORIZON = 4.0
"""Seconds; more than one tick may prove."""


SWEEPING = """
import sys
from fog_aggregator.core.engine import sweeper
from fog_cli.main import main
sweeper.SWEEP_SECONDS = 0.5
main()
"""


@contextmanager
def sweeping(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Provide a `fog` that looks every half a second whom it has to give up, and not every ten."""
    process = subprocess.Popen([sys.executable, "-c", SWEEPING, *arguments], env=ENVIRON, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_reader_that_stood_still_gives_nobody_up(fog_nats: NatsServer) -> None:
    """A node that lives on, and one that is away meanwhile and comes back, keep their epochs and all they counted."""
    address = free_address()
    options = ["--listen", address, "--horizon", f"{HORIZON:g}s", "--nats", fog_nats.url]
    with tempfile.TemporaryDirectory() as state, sweeping("aggregator", "--state-dir", state, *options) as process:
        view = AggregatorView(address)
        await eventually(lambda: is_healthy(address), deadline=60)
        collectors = [TelemetryCollector() for _ in range(2)]
        lives, comes_back = (collector.register_counter("work_total", "Work") for collector in collectors)

        def agent(number: int) -> Agent:
            path, deadline = f"fog/{number}", 5.0 * (1 - number)  # without time for its end an epoch stays open
            return Agent(collectors[number], path=path, servers=fog_nats.url, interval=0.1, deadline=deadline)

        async with agent(0) as steady:
            lives.increment(3)
            async with agent(1):
                comes_back.increment(20)
                await eventually(lambda: shows(view, "work_total 23"))
            os.kill(process.pid, signal.SIGSTOP)
            stopped = time.monotonic()
            lives.increment(4)
            await eventually(lambda: time.monotonic() - stopped > HORIZON + 1)
            os.kill(process.pid, signal.SIGCONT)
            lives.increment(5)
            assert await steady.flush()
            await eventually(lambda: shows(view, "work_total 32"))
            async with agent(1):
                comes_back.increment(20)
                text = await eventually(lambda: shows(view, "work_total 52"))
    assert "fog_aggregator_epochs_rebased_total 0" in text.splitlines()
