"""The work around a node's file of sources: `fog check sources`, and the sources of `fog agent`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fog_agent.sources.configuration import SourcesError, load_sources
from fog_agent.sources.jobs.settings import JobsSettings
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context, SourceSettings
from fog_agent.sources.running import Sources
from fog_cli.commands.agent import Settings
from fog_cli.errors import UsageError
from utilityfog_frontend.telemetry.collector import TelemetryCollector


def check_sources(files: Sequence[str]) -> int:
    """Say of each file whether it can be used; 0 when all can.

    Raises:
        UsageError: There is no file.
    """
    if not files:
        raise UsageError("which files? fog check sources FILE ...")
    failed = False
    for file in files:
        try:
            found = load_sources(Path(file))
        except SourcesError as error:
            failed = True
            print(error, file=sys.stderr)
        else:
            names = ", ".join(one.name for one in found)
            print(f"{file}: fine: {names}" if names else f"{file}: fine: it has no sources")
    return 1 if failed else 0


def settings_of(settings: Settings) -> tuple[SourceSettings, ...]:
    """Read the file of sources that an agent was given.

    Raises:
        UsageError: It cannot be used.
    """
    try:
        return load_sources(settings.sources) if settings.sources is not None else ()
    except SourcesError as error:
        raise UsageError(str(error)) from None


def journal_of(settings: Settings, found: Sequence[SourceSettings]) -> str | None:
    """Return where the agent has a journal of its own: jobs are counted exactly once with it."""
    return settings.agent.journal if any(isinstance(one, JobsSettings) for one in found) else None


def sources_of(settings: Settings, found: Sequence[SourceSettings], collector: TelemetryCollector) -> Sources:
    """Make the sources that an agent was given, without starting them."""
    if not found:
        return Sources()
    context = Context(collector, SourceMetrics(collector), settings.agent.interval, settings.agent.state_dir)
    return Sources([make_source(one, context) for one in found], context.metrics)


@asynccontextmanager
async def started(sources: Sources) -> AsyncIterator[None]:
    """Have sources run before the agent: its first frame must have first readings."""
    try:
        await asyncio.to_thread(sources.start)
        yield
    finally:
        await asyncio.to_thread(sources.stop)


@asynccontextmanager
async def stopped(sources: Sources) -> AsyncIterator[None]:
    """Stop sources before the agent: its last frame must have all that they took."""
    try:
        yield
    finally:
        await asyncio.to_thread(sources.stop)
