"""The work of `fog streams apply`."""

from __future__ import annotations

import asyncio
from typing import Any

from fog_bus.ports import LogError
from fog_bus.streams import StreamSettings, control_stream, events_stream, metrics_stream, rollups_stream
from fog_cli.bus import connected_bus
from fog_cli.commands.streams import Settings
from fog_cli.errors import CommandError, UsageError
from fog_schema.errors import PathError
from fog_schema.subjects import Subjects


def apply_streams(settings: Settings) -> int:
    """Make the streams, print what differs; 0 when nothing does.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when the server cannot be reached, or refuses.
    """
    try:
        subjects = Subjects(settings.prefix)
    except PathError as error:
        raise UsageError(str(error)) from None
    alike: dict[str, Any] = {name: getattr(settings, name) for name in ("max_age", "replicas", "storage")}
    fair = alike | {"max_per_subject": settings.max_per_subject or None}
    wanted = (
        metrics_stream(subjects, max_bytes=settings.max_bytes, **fair),
        events_stream(subjects, max_bytes=settings.max_event_bytes, **fair),
        rollups_stream(subjects, max_bytes=settings.max_rollup_bytes, **alike),
        control_stream(subjects, replicas=settings.replicas, storage=settings.storage),
    )
    return asyncio.run(_apply(settings, wanted))


async def _apply(settings: Settings, wanted: tuple[StreamSettings, ...]) -> int:
    found = 0
    async with connected_bus(settings.nats, "fog streams") as bus:
        for one in wanted:
            try:
                differences = await bus.provide(one, update=settings.update)
            except LogError as error:
                raise CommandError(f"{one.name}: {error}") from None
            for difference in differences:
                print(difference)
            if not differences:
                print(f"{one.name}: fine")
            found += len(differences)
    if found and not settings.update:
        print("--update changes what differs")
    return 1 if found else 0
