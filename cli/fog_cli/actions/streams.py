"""The work of `fog streams`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fog_bus.layout import Layout, LayoutError, lay_out
from fog_bus.ports import LogError, Transport
from fog_bus.streams import StreamSettings, control_stream, events_stream, leases_stream, metrics_stream, rollups_stream
from fog_cli.bus import connected_bus
from fog_cli.commands.streams import Settings, Wishes
from fog_cli.errors import CommandError, UsageError
from fog_schema.errors import PathError
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

_LEASES: Final = "leases"


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
    return asyncio.run(_apply(settings, subjects))


def _wanted(wishes: Wishes, subjects: Subjects, path: Path) -> dict[str, StreamSettings]:
    """Return what each stream is to be like, by kind; a subtree has streams of frames and of events."""
    alike = {name: getattr(wishes, name) for name in ("max_age", "replicas", "storage")}
    fair = alike | {"max_per_subject": wishes.max_per_subject}
    wanted = {
        "metrics": _wish(partial(metrics_stream, path=path), subjects, max_bytes=wishes.max_bytes, **fair),
        "events": _wish(partial(events_stream, path=path), subjects, max_bytes=wishes.max_event_bytes, **fair),
    }
    if not path:
        wanted["rollups"] = _wish(rollups_stream, subjects, max_bytes=wishes.max_rollup_bytes, **alike)
        small = {name: getattr(wishes, name) for name in ("replicas", "storage")}
        wanted["control"] = _wish(control_stream, subjects, **small)
        wanted[_LEASES] = _wish(leases_stream, subjects, **small)
    return wanted


def _wish(stream: Callable[..., StreamSettings], subjects: Subjects, **wishes: Any) -> StreamSettings:
    named = {name: value for name, value in wishes.items() if value is not None}
    return stream(subjects, **named, named=frozenset(named))


async def _apply(settings: Settings, subjects: Subjects) -> int:
    found = 0
    async with connected_bus(settings.nats, "fog streams") as bus:
        for kind, one in _wanted(settings.wishes, subjects, settings.subtree).items():
            try:
                layout = await _lay_out(bus, kind, subjects, settings.subtree, one)
                lines = await _show(bus, layout) if settings.dry_run else await _do(bus, layout, settings)
            except (LayoutError, LogError) as error:
                raise CommandError(f"{one.name}: {error}") from None
            name = one.name if layout.wanted is None else layout.wanted.name
            print("\n".join(lines or [f"{name}: fine"]))
            found += len(lines)
    if found and not settings.update and not settings.dry_run:
        print("--update changes what differs")
    return 1 if found else 0


async def _lay_out(bus: Transport, kind: str, subjects: Subjects, path: Path, wanted: StreamSettings) -> Layout:
    """Compare a stream with those that exist; a bucket has one name, and its subjects are no other stream's."""
    return Layout(wanted) if kind == _LEASES else await lay_out(bus, kind, subjects, path, wanted)


async def _do(bus: Transport, layout: Layout, settings: Settings) -> list[str]:
    """Take subjects out of the stream that has them, and give them to their own; what comes in between is repeated."""
    lines: list[str] = []
    for one in (layout.above, layout.wanted):
        if one is not None and not (one is layout.wanted and lines):
            lines += [str(difference) for difference in await bus.provide(one, update=settings.update)]
    return lines


async def _show(bus: Transport, layout: Layout) -> list[str]:
    return [line for one in (layout.above, layout.wanted) if one is not None for line in await _examine(bus, one)]


async def _examine(bus: Transport, wanted: StreamSettings) -> list[str]:
    differences = await bus.examine(wanted)
    if differences is None:
        return [f"{wanted.name}: would be made, for {', '.join(wanted.subjects)}"]
    return [f"{wanted.name}: {one.setting} would change from {one.found!r} to {one.wanted!r}" for one in differences]
