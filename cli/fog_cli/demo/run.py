"""The work of `fog demo`: a whole fog on one machine, and the proof at its end that no count was lost.

Started sink-first (nats-server, aggregator, then those who publish), stopped source-first, each stage waited for: the
nodes flush, the aggregator reads all of it, then the two books are compared, and only then the rest goes.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.options import NatsOptions
from fog_bus.options.kinds import Address, show_address
from fog_cli.actions import books
from fog_cli.bus import connected_link
from fog_cli.commands.trial.demo import Settings
from fog_cli.demo.addresses import start_listening
from fog_cli.demo.aggregator_stats import AggregatorView, Numbers
from fog_cli.demo.fog_model import Fog, tree_paths
from fog_cli.demo.light_nodes import LightNodes, plan_of
from fog_cli.demo.nodes import FogNodes
from fog_cli.demo.pace import Pace, follow
from fog_cli.demo.processes import Child, temporary_directory
from fog_cli.demo.program_nodes import PLACE, ProgramNodes
from fog_cli.demo.screen import Screen
from fog_cli.demo.story import SECONDS, SHORTEST, Story
from fog_cli.errors import CommandError, UsageError
from fog_cli.logs import LogSettings, set_up_logging
from fog_cli.service import run_service
from fog_schema.limits import MAX_TOKENS
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer, NatsServerError
from fog_testing.waiting import eventually

T = TypeVar("T")

MOST_NODES: Final = 5_000
MOST_AGENTS: Final = 1_100
"""Two cores keep up with so many agents; the nodes of a larger fog are light ones."""
CATCH_UP_SECONDS: Final = 30.0
DRAIN_SECONDS: Final = 90.0
HASTE: Final = 2.0
"""Seconds that nodes have to end when something else has failed."""
NO_MESSAGE: Final = 10037
"""JetStream's error code: no message has such a subject."""


def demo(settings: Settings) -> int:
    """Run the demo to its end; 0 when every count was conserved, 1 when not.

    Raises:
        UsageError: for a tree that cannot be.
        CommandError: when a part does not start.
    """
    _size(settings)
    set_up_logging(LogSettings(level="error"))
    screen = Screen(quiet=settings.json)
    if settings.story:
        return run_service(lambda stop: _tell(settings, screen, stop), drain=DRAIN_SECONDS)
    return run_service(lambda stop: _Demo(settings, screen).run(stop), drain=DRAIN_SECONDS)


def _size(settings: Settings) -> int:
    """Return how many nodes there are.

    Raises:
        UsageError: for a tree that cannot be.
    """
    if settings.branching < 1 or not 1 <= settings.depth <= MAX_TOKENS:
        raise UsageError(f"--branching must be 1 or more, and --depth 1 to {MAX_TOKENS}")
    levels = settings.depth if settings.nodes is None else MAX_TOKENS
    room = sum(settings.branching**level for level in range(levels))
    nodes = room if settings.nodes is None else settings.nodes
    if not 1 <= nodes <= min(room, MOST_NODES):
        raise UsageError(
            f"a demo has 1 to {MOST_NODES} nodes, and a tree of {levels} levels at most {room}: not {nodes}"
        )
    return nodes


async def _tell(settings: Settings, screen: Screen, stop: asyncio.Event) -> int:
    seconds = SECONDS if settings.duration is None else settings.duration
    if seconds < SHORTEST:
        raise UsageError(f"the story takes {SHORTEST:g} s at least, and --duration is {seconds:g} s")
    with temporary_directory() as directory:
        return await Story(seconds, settings.listen, screen).tell(stop, directory, as_json=settings.json)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where everything is."""

    directory: Path
    servers: str
    root: str
    server_is: str

    @property
    def options(self) -> NatsOptions:
        """How to connect."""
        return NatsOptions.parse(self.servers, name="fog demo")


class _Demo:
    def __init__(self, settings: Settings, screen: Screen) -> None:
        self._settings = settings
        self._screen = screen
        self._seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self._count = _size(settings)
        self._pace = Pace(0.0)

    async def run(self, stop: asyncio.Event) -> int:
        """Start everything, live, stop everything, and say what came of it."""
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(self._place())
            aggregator, url = await self._aggregator(place, stack)
            self._screen.invite(url)
            view = AggregatorView(url)
            host = await self._host_agent(place, stack)
            nodes, programs = self._nodes(place, view, stack), self._programs(place)
            try:
                await asyncio.gather(nodes.start(stop), programs.start())
                self._screen.introduce(self._parts(place, aggregator, host, programs), url)
                await self._live(stop, nodes, view, (aggregator, host))
                self._screen.say("stopping: nodes flush their last counts ...")
            except BaseException:  # each of them would wait for its last frame when the process ends
                await asyncio.gather(nodes.stop(HASTE), programs.stop(HASTE), return_exceptions=True)
                raise
            await asyncio.gather(nodes.stop(), programs.stop(), host.finish())
            result = await self._compare(place, view, nodes.dropped, [nodes.book(), programs.book()])
        self._screen.conclude(result)
        if self._settings.json:
            print(json.dumps(result))
        return 0 if result["conserved"] else 1

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[_Place]:
        with temporary_directory() as directory:
            if self._settings.nats:
                # Others may use the same streams: a tree of our own keeps their counts apart from ours.
                root = f"fog-demo-{secrets.token_hex(4)}"
                place = _Place(directory, ",".join(self._settings.nats), root, "yours")
                async with connected_link(place.options):
                    pass  # better to know now than when everything runs
                yield place
                return
            try:
                async with NatsServer() as server:
                    yield _Place(directory, server.url, "fog", f"pid {server.pid}")
            except NatsServerError as error:
                raise CommandError(str(error)) from None

    async def _aggregator(self, place: _Place, stack: AsyncExitStack) -> tuple[Child, str]:
        """Start it, and return it with the address to open."""
        arguments = ["aggregator", "--path", place.root, "--state-dir", str(place.directory / "state")]

        async def start(listen: Address) -> Child:
            return await self._child([*arguments, "--listen", show_address(listen)], place, stack)

        child, listen = await start_listening(self._settings.listen, start)
        return child, f"http://{show_address(listen)}"

    async def _host_agent(self, place: _Place, stack: AsyncExitStack) -> Child:
        arguments = ["agent", "--path", f"{place.root}/host", "--interval", f"{self._settings.interval}s"]
        arguments += ["--ledger", str(place.directory / "host.json"), "--state-dir", str(place.directory / "agent")]
        return await self._child(arguments, place, stack)

    @staticmethod
    async def _child(arguments: list[str], place: _Place, stack: AsyncExitStack) -> Child:
        child = await Child.start(arguments, {"FOG_NATS_URL": place.servers}, place.directory)
        stack.push_async_callback(child.stop)
        return child

    def _parts(self, place: _Place, aggregator: Child, host: Child, programs: ProgramNodes) -> dict[str, str]:
        kind = "agents in here" if self._count <= MOST_AGENTS else "light ones, as of fog swarm"
        nodes = f"{self._count}, {self._settings.branching} below each ({kind}, seed {self._seed})"
        return {
            "nats-server": f"{place.options.where} ({place.server_is})",
            "aggregator": f"fog aggregator --path {place.root} (pid {aggregator.pid})",
            "this host": f"fog agent --path {place.root}/host (pid {host.pid})",
            "programs": f"{place.root}/{PLACE}/…: {programs.names}, each read by an agent with a source (in here)",
            "nodes": f"{place.root}/…, {nodes}",
        }

    def _nodes(self, place: _Place, view: AggregatorView, stack: AsyncExitStack) -> FogNodes | LightNodes:
        branching, interval = self._settings.branching, self._settings.interval
        if self._count > MOST_AGENTS:
            plan = plan_of(place.root, self._count, branching, place.options, interval, self._seed)
            light = LightNodes(plan, view)
            stack.callback(light.close)
            return light
        paths = islice(tree_paths(place.root, MAX_TOKENS, branching), self._count)
        fog = Fog(paths, random.Random(self._seed), 0.0)
        return FogNodes(fog, place.options, interval)

    def _programs(self, place: _Place) -> ProgramNodes:
        return ProgramNodes(place.root, place.directory, place.options, self._settings.interval, self._seed)

    async def _live(
        self, stop: asyncio.Event, nodes: FogNodes | LightNodes, view: AggregatorView, children: tuple[Child, ...]
    ) -> None:
        """Let the nodes live, and show it, until told to stop, the time is over, or nobody can read any more."""
        pace = self._pace = Pace(time.monotonic())
        end = math.inf if self._settings.duration is None else time.monotonic() + self._settings.duration
        shown = asyncio.create_task(self._screen.follow(view))

        def over() -> bool:
            return stop.is_set() or time.monotonic() >= end or (shown.done() and shown.exception() is not None)

        def live(until: float) -> None:
            self._screen.falls_behind(pace.dropped + nodes.dropped)
            nodes.advance(until)
            for child in children:
                child.check()

        try:
            await follow(pace, live, over, time.monotonic)
        finally:
            shown.cancel()
            with suppress(asyncio.CancelledError):
                await shown

    async def _compare(
        self, place: _Place, view: AggregatorView, dropped: float, counts: list[books.Book]
    ) -> dict[str, Any]:
        """Wait until the aggregator has read everything, then hold its books against the nodes' own."""
        last = await _last_sequences(place)

        async def all_read() -> str | None:
            text = await view.metrics()
            read = {} if text is None else Numbers.of(text).read
            return text if all(read.get(stream, 0) >= sequence for stream, sequence in last.items()) else None

        text = await _until(all_read, CATCH_UP_SECONDS, "the aggregator did not read everything") or ""
        counted = books.add([*counts, json.loads((place.directory / "host.json").read_text())])
        exported = books.read_exposition(text)
        different = books.differences(counted, exported)
        numbers = Numbers.of(text)
        return {
            "nodes": numbers.nodes,
            "frames": numbers.frames,
            "samples": numbers.samples,
            "events": numbers.events,
            "seed": self._seed,
            "lived_seconds": round(self._pace.at, 3),
            "dropped_seconds": round(self._pace.dropped + dropped, 3),
            "counted": dict(sorted(counted.items())),
            "exported": dict(sorted(exported.items())),
            "different": different,
            "conserved": not different,
        }


async def _until(condition: Callable[[], Awaitable[T]], seconds: float, complaint: str) -> T:
    try:
        return await eventually(condition, deadline=seconds)
    except TimeoutError:
        raise CommandError(f"{complaint} within {seconds:g} s") from None


async def _last_sequences(place: _Place) -> Mapping[str, int]:
    """Of each stream the sequence of the last message of our tree; others may have sent later ones."""
    filters = [one for kind in ("metrics", "events") for one in Subjects().subtree(kind, (place.root,))]
    last: dict[str, int] = {}
    async with connected_link(place.options) as link:
        stream = JetStream(link)
        for one in filters:
            for name in await stream.streams_of(one):
                last[name] = max(last.get(name, 0), await _last(stream, name, one))
    return last


async def _last(stream: JetStream, name: str, subjects: str) -> int:
    try:
        answer = await stream.call(f"STREAM.MSG.GET.{name}", {"last_by_subj": subjects})
    except JetStreamError as error:
        if error.code == NO_MESSAGE:
            return 0
        raise CommandError(f"stream {name} cannot be read: {error}") from None
    return int(answer["message"]["seq"])
