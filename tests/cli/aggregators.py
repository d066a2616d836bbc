"""`fog aggregator` as a process, and what it shows."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fog_cli.api import Api
from fog_cli.demo.aggregator_stats import AggregatorView, Numbers
from fog_cli.errors import CommandError
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.cli.processes import fog


def free_address() -> str:
    """Return where nobody else listens."""
    return f"127.0.0.1:{free_port()}"


@asynccontextmanager
async def aggregator(*arguments: str, **environ: str) -> AsyncIterator[AggregatorView]:
    """Provide an aggregator that answers, with a state of its own."""
    address = free_address()
    with (
        tempfile.TemporaryDirectory() as state,
        fog("aggregator", "--listen", address, "--state-dir", state, *arguments, **environ) as process,
    ):
        view = AggregatorView(address)
        await eventually(lambda: is_healthy(address), deadline=60)
        yield view
        process.terminate()
        await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode == 0


async def is_healthy(address: str, question: str = "/-/healthy") -> bool:
    """Whether an aggregator answers, ready or not; with `/-/ready`, whether it is ready too."""
    try:
        await asyncio.to_thread(Api(address).get, question)
    except CommandError:
        return False
    return True


async def shows(view: AggregatorView, line: str) -> str:
    """Return the whole /metrics when it has a line, else nothing."""
    text = await view.metrics() or ""
    return text if line in text.splitlines() else ""


def events_at(address: str) -> int:
    """How many events an aggregator has read; none while it does not answer."""
    try:
        return Numbers.of(Api(address).get("/metrics").decode()).events
    except CommandError:
        return 0
