"""The work of `fog streams`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fog_bus.ports import LogError, Transport
from fog_bus.streams import StreamSettings, control_stream, events_stream, metrics_stream, rollups_stream
from fog_cli.bus import connected_bus
from fog_cli.commands.streams import Settings, Wishes
from fog_cli.errors import CommandError, UsageError
from fog_schema.errors import PathError
from fog_schema.subjects import Subjects


def streams(settings: Settings) -> int:
    """Make the streams and print what differs, or plan them; 0 when nothing differs.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when the server cannot be reached, or refuses.
    """
    try:
        subjects = Subjects(settings.prefix)
    except PathError as error:
        raise UsageError(str(error)) from None
    if settings.action == "plan":
        from fog_cli.swarm.stream_plan import print_plan  # needs numpy, which `apply` does not

        print_plan(settings.plan, settings.wishes, subjects)
        return 0
    return asyncio.run(_apply(settings, _wanted(settings.wishes, subjects)))


def _wanted(wishes: Wishes, subjects: Subjects) -> tuple[StreamSettings, ...]:
    """Return what each stream is to be like."""
    alike = {name: getattr(wishes, name) for name in ("max_age", "replicas", "storage")}
    fair = alike | {"max_per_subject": wishes.max_per_subject}
    return (
        _wish(metrics_stream, subjects, max_bytes=wishes.max_bytes, **fair),
        _wish(events_stream, subjects, max_bytes=wishes.max_event_bytes, **fair),
        _wish(rollups_stream, subjects, max_bytes=wishes.max_rollup_bytes, **alike),
        _wish(control_stream, subjects, replicas=wishes.replicas, storage=wishes.storage),
    )


def _wish(stream: Callable[..., StreamSettings], subjects: Subjects, **wishes: Any) -> StreamSettings:
    named = {name: value for name, value in wishes.items() if value is not None}
    return stream(subjects, **named, named=frozenset(named))


async def _apply(settings: Settings, wanted: tuple[StreamSettings, ...]) -> int:
    found = 0
    async with connected_bus(settings.nats, "fog streams") as bus:
        for one in wanted:
            try:
                lines = await _examine(bus, one) if settings.dry_run else await _provide(bus, one, settings)
            except LogError as error:
                raise CommandError(f"{one.name}: {error}") from None
            print("\n".join(lines or [f"{one.name}: fine"]))
            found += len(lines)
    if found and not settings.update and not settings.dry_run:
        print("--update changes what differs")
    return 1 if found else 0


async def _provide(bus: Transport, wanted: StreamSettings, settings: Settings) -> list[str]:
    return [str(difference) for difference in await bus.provide(wanted, update=settings.update)]


async def _examine(bus: Transport, wanted: StreamSettings) -> list[str]:
    differences = await bus.examine(wanted)
    if differences is None:
        return [f"{wanted.name}: would be made, for {', '.join(wanted.subjects)}"]
    return [f"{wanted.name}: {one.setting} would change from {one.found!r} to {one.wanted!r}" for one in differences]
