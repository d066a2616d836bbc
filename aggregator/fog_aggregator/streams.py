"""Find the streams that hold what an aggregator reads; in development make them, in production a command does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol

from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS, Scope
from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import LogError, Transport
from fog_bus.streams import (
    MAX_AGE,
    OLD_NAMES,
    StreamSettings,
    control_stream,
    events_stream,
    metrics_stream,
    rollups_stream,
    stream_name,
)
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator")
_PAUSE: Final = 5.0
_LONG_PAUSE: Final = 30.0
"""Seconds between two looks where a command makes the streams: a new one is read from its start, and can wait."""
_REFUSED: Final = "refused"


class Follow(Protocol):
    """Takes the streams that were found."""

    def __call__(self, found: Mapping[str, str], *, selective: bool) -> Awaitable[None]:
        """Read these streams and no others, by name with their kinds; arguments as of `Engine.follow`."""


class BusConnection:
    """A component that keeps the connection, looks for streams, and makes those that are missing if it is told to.

    Args:
        bus: The bus to keep connected.
        scope: The subjects that are read.
        made: The streams to make, by kind, also anew when they are wiped; none to leave them to a command.
        follow: Is told which streams were found, at every look.
        loops: Runs the loops.
    """

    def __init__(
        self, bus: Transport, scope: Scope, made: Mapping[str, StreamSettings], follow: Follow, loops: Loops
    ) -> None:
        self._bus = bus
        self._scope = scope
        self._made = made
        self._follow = follow
        self._loops = loops
        self._found: dict[str, str] = {}
        self._selective: bool | None = None
        self._logged: set[str] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect."""
        self._connecting = self._loops.spawn(self._bus.run())
        self._keeping = self._loops.spawn(self._keep_looking())

    async def stop(self, deadline: float) -> None:
        """Let what was published reach the server, and end."""
        await cancel(self._keeping)
        await self._bus.close(deadline)
        await cancel(self._connecting)

    async def _keep_looking(self) -> None:
        while True:
            await self._bus.connected()
            try:
                await self._look()
            except LogError as error:
                if error.reason != "disconnected":  # the connection has said so
                    LOGGER.warning("streams cannot be found, or made: %s", error)
            await asyncio.sleep(_PAUSE if self._made or not self._found else _LONG_PAUSE)

    async def _look(self) -> None:
        found = await self._find()
        if await self._make_missing(found):
            found = await self._find()
        if self._selective is None:
            self._selective = await self._may_select(found)
        await self._follow(found, selective=self._selective is not False)
        if found != self._found:
            self._found = found
            await self._tell_differences(found)

    async def _make_missing(self, found: Mapping[str, str]) -> bool:
        """Make the streams of kinds that have none; tell whether any was made.

        A kind that is not found may still have streams: of other subtrees, or of rollups, which are read only where
        there are branches. The server refuses a second stream of their subjects.
        """
        made = False
        for kind, settings in self._made.items():
            if kind in found.values():
                continue
            if others := await self._holding(kind, settings.subjects):
                self._warn_of_others(kind, others)
            else:
                made |= await self._provide(settings)
        return made

    async def _provide(self, settings: StreamSettings) -> bool:
        """Make a stream; where that fails, those that exist are read all the same."""
        try:
            await self._bus.provide(settings)
        except LogError as error:
            if error.reason == "disconnected":
                raise
            self._warn_once(f"the stream {settings.name} cannot be made: {error}")
            return False
        return True

    def _warn_of_others(self, kind: str, others: Sequence[str]) -> None:
        """Warn where what is read is in no stream; below branches no node need stand, nor need rollups be read."""
        if not self._scope.branches and kind != ROLLUPS:
            wanted = ", ".join(self._scope.filters(kind))
            text = f"no stream takes {wanted}, and none is made beside {', '.join(others)}"
            self._warn_once(f"{text}; `fog streams apply` makes one of the rest")

    async def _find(self) -> dict[str, str]:
        """Return the streams that hold subjects of the scope, by name with their kinds.

        Raises:
            LogError: Nobody told.
        """
        found: dict[str, str] = {}
        kinds = (CONTROL, ROLLUPS, EVENTS, METRICS) if self._scope.branches else (CONTROL, EVENTS, METRICS)
        for kind in kinds:
            for name in await self._holding(kind, self._scope.filters(kind, selective=self._selective is not False)):
                if await self._is_read(kind, name):
                    found[name] = kind
        return found

    async def _holding(self, kind: str, filters: Sequence[str]) -> list[str]:
        try:
            return await self._bus.holding(filters)
        except LogError as error:
            if error.reason != _REFUSED:
                raise
            self._warn_once(f"{error}: streams are looked for by their names alone, as those of subtrees cannot be")
        names = (stream_name(kind, self._scope.subjects), OLD_NAMES[kind])
        return [name for name in names if await self._exists(name)][:1]

    async def _exists(self, name: str) -> bool:
        try:
            await self._bus.log(name).info()
        except LogError as error:
            if error.reason in ("missing", _REFUSED):
                return False
            raise
        return True

    async def _is_read(self, kind: str, name: str) -> bool:
        """Tell whether a stream may have messages that are read: those of branches are not."""
        if not self._scope.branches or kind not in (METRICS, EVENTS):
            return True
        return self._scope.reads(kind, (await self._bus.log(name).info()).subjects)

    async def _may_select(self, found: Mapping[str, str]) -> bool | None:
        """Tell whether the server lets us ask for single messages, which reading some subjects alone takes.

        None where no stream is found that is read so.
        """
        asked = False
        for name, kind in found.items():
            if self._scope.is_selective(kind):
                try:
                    await self._bus.log(name).stored_at(1)
                except LogError as error:
                    if error.reason != _REFUSED:
                        raise
                    self._warn_once(f"{error}: the frames of all branches' nodes are read, and left out")
                    return False
                asked = True
        return asked or None

    async def _tell_differences(self, found: Mapping[str, str]) -> None:
        """Warn of what is wrong with streams that this aggregator would have made."""
        for kind, settings in self._made.items():
            if [name for name in found if found[name] == kind] == [settings.name]:
                for difference in await self._bus.examine(settings) or ():
                    self._warn_once(f"{difference}; `fog streams apply --update` changes it")

    def _warn_once(self, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            LOGGER.warning("%s", text)


def wanted_streams(config: AggregatorConfig, subjects: Subjects) -> dict[str, StreamSettings]:
    """Return the streams that the aggregator makes, by kind; none where a command does it."""
    if not config.create_streams:
        return {}
    max_age = min(MAX_AGE, config.horizon / 2)
    alike: dict[str, Any] = {"max_age": max_age, "replicas": config.replicas}
    made = {METRICS: metrics_stream(subjects, max_bytes=config.max_bytes, **alike)}
    made[EVENTS] = events_stream(subjects, **alike)
    if config.branches or config.publish_rollup:
        made[ROLLUPS] = rollups_stream(subjects, **alike)
    return made | {CONTROL: control_stream(subjects, replicas=config.replicas)}
