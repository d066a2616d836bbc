"""The work of `fog agent`: the host's metrics in a collector, an agent that publishes it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from fog_agent.core.filters.rules import Filters
from fog_agent.core.writer import Settings as WriterSettings
from fog_agent.core.writer import Writer
from fog_agent.edge.agent import Agent
from fog_agent.edge.attach import new_epoch
from fog_agent.edge.state_file import StateDirError
from fog_agent.sources.host import HostMetrics, default_sources
from fog_agent.sources.ports import SourceSettings
from fog_bus.nats.connection import NatsOptions
from fog_cli.actions.books import Ledger
from fog_cli.commands.agent import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.logs import set_up_logging
from fog_cli.service import give_back, notify, run_service, share_one_arena
from fog_cli.sources.of_node import journal_of, settings_of, sources_of, started, stopped
from fog_cli.state_dir import default_state_dir
from fog_schema.errors import PathError
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.support.files import replace_file

MAX_FRAME: Final = 2**20

log = logging.getLogger("fog_cli.agent")


def report(settings: Settings, path: str) -> int:
    """Publish the host's metrics under `path` until told to stop; the exit code.

    Raises:
        UsageError: when the options cannot work.
    """
    share_one_arena()
    set_up_logging(settings.log)
    found = settings_of(settings)
    collector = _collector(settings, found)
    options = settings.nats.options(f"fog agent {path}")

    async def serve(stop: asyncio.Event) -> int:
        ledger = Ledger(collector)
        sources = sources_of(settings, found, collector)
        collector.add_hook("collection", _host(settings, collector).collect)
        collector.run_collection()  # the baseline of every counter
        async with started(sources), _running(settings, collector, path, options), stopped(sources):
            notify("READY=1")
            give_back()
            while not await _is_set_within(stop, settings.agent.interval):
                await asyncio.to_thread(collector.run_collection)
                await asyncio.to_thread(sources.retry)
        if settings.ledger:
            _write(Path(settings.ledger), json.dumps(ledger.book()))
        return 0

    return run_service(serve, stop_on_eof=settings.stop_on_eof)


def _collector(settings: Settings, found: Sequence[SourceSettings]) -> TelemetryCollector:
    try:
        return TelemetryCollector(collection_interval=settings.agent.interval, journal=journal_of(settings, found))
    except ValueError as error:
        raise UsageError(f"--journal: {error}") from None


def print_once(settings: Settings) -> int:
    """Print the first keyframe that an agent here would send, as `fog decode` does; or what filters make of a metric.

    Sources that may be read are read once; nothing is taken that another agent is to count.

    Raises:
        UsageError: when the options cannot work.
    """
    from fog_cli.actions.frame_text import FrameText  # 0.25 MB, which an agent that runs can do without
    from fog_cli.filters.explaining import Notes, explain, filtered, read_filters

    collector = TelemetryCollector()
    unread = sources_of(settings, settings_of(settings), collector).look()
    _host(settings, collector).collect()
    file = settings.agent.filters
    if settings.explain:
        filters = read_filters(file) if file else Filters()
        print("\n".join(explain(filters, collector.watch_series(), settings.explain)))
        _print_unread(unread)
        return 0
    watch, notes = filtered(collector, file) if file else (collector.watch_series(), Notes())
    writer = Writer([watch], WriterSettings(), epoch=new_epoch(), now=0.0)
    text = FrameText()
    for frame in writer.finish(0.0, MAX_FRAME):
        print("\n".join(text.lines(frame.data)))
    for line in notes.lines():
        print(line)
    _print_unread(unread)
    return 0


def _print_unread(names: list[str]) -> None:
    for name in names:
        print(
            f"source {name}: takes what programs send, which is another agent's to count: it is not started here "
            "(--explain 'NAME{label=\"text\"}' says what filters make of a series)"
        )


def _host(settings: Settings, collector: TelemetryCollector) -> HostMetrics:
    root = settings.host_root
    if root and not Path(root, "proc", "stat").is_file():
        raise UsageError(
            f"--host-root {root}: no {root}/proc/stat is there; mount the machine's root, as in -v /:/host:ro,rslave"
        )
    return HostMetrics(collector, default_sources(root))


@asynccontextmanager
async def _running(
    settings: Settings, collector: TelemetryCollector, path: str, options: NatsOptions
) -> AsyncIterator[None]:
    """Run an agent. A state directory that was asked for must be usable; the default one may not be there."""
    asked = settings.agent.state_dir
    for state_dir in [asked] if asked else [*_default_state_dirs(), None]:
        try:
            agent = Agent(collector, path=path, options=options, **asdict(settings.agent) | {"state_dir": state_dir})
            await agent.start()
            break
        except StateDirError as error:
            if asked:
                raise CommandError(str(error)) from None
            log.warning("%s; until then each start begins anew (--state-dir DIR)", error)
        except (PathError, ValueError) as error:
            raise UsageError(str(error)) from None
    try:
        yield
    finally:
        await agent.stop()


def _default_state_dirs() -> list[Path]:
    try:
        return [default_state_dir()]
    except RuntimeError as error:
        log.warning("%s; each start begins anew (--state-dir DIR)", error)
        return []


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    try:
        replace_file(file, [text.encode()])
    except OSError as error:
        raise CommandError(f"{file}: cannot be written: {error.strerror}") from None
