"""The sources of `fog agent`. Their code is imported when there is a file of sources: it takes 0.6 MB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context, SourceSettings
from fog_agent.sources.running import Sources
from fog_cli.commands.agent import Settings
from fog_cli.errors import UsageError
from utilityfog_frontend.telemetry.collector import TelemetryCollector


def settings_of(settings: Settings) -> tuple[SourceSettings, ...]:
    """Read the file of sources that an agent was given.

    Raises:
        UsageError: It cannot be used.
    """
    if settings.sources is None:
        return ()
    from fog_agent.sources.configuration import SourcesError, load_sources

    try:
        return load_sources(settings.sources)
    except SourcesError as error:
        raise UsageError(str(error)) from None


def journal_of(settings: Settings, found: Sequence[SourceSettings]) -> str | None:
    """Return where the agent has a journal of its own: jobs are counted exactly once with it."""
    if not found:
        return None
    from fog_agent.sources.jobs.settings import JobsSettings

    return settings.agent.journal if any(isinstance(one, JobsSettings) for one in found) else None


def sources_of(settings: Settings, found: Sequence[SourceSettings], collector: TelemetryCollector) -> Sources:
    """Make the sources that an agent was given, without starting them."""
    if not found:
        return Sources()
    from fog_agent.sources.making import make_source

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
