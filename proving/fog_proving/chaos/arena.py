"""Everything that runs: a server, aggregators, processes of nodes, each behind a proxy, and what looks at them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nats.aio.msg import Msg

from fog_agent import Agent, NatsOptions
from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.connection import Client, Connection
from fog_bus.nats.link import Link
from fog_proving.chaos.accounts import Accounts, Life
from fog_proving.chaos.books import LIFE, Book
from fog_proving.chaos.judge import Watch
from fog_proving.chaos.layout import Layout, Scope
from fog_proving.chaos.load import Node
from fog_proving.chaos.processes import Child
from fog_proving.chaos.servers import Servers
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.proxy import FaultProxy
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry.journal.files import left_files

CHECKPOINT_SECONDS: Final = 0.3
ROLLUP_SECONDS: Final = 0.3
START_SECONDS: Final = 180.0
"""Seconds until all answer, where kernels are compiled first and others use the machine; who ends is told at once."""
SECURE_SECONDS: Final = 45.0
KEPT_FRAMES: Final = 2000
"""Messages kept for being delivered again."""
SUBJECTS: Final = ("fog.v1.metrics.>", "fog.v1.events.>", "fog.v1.rollups.>")


@dataclass(slots=True)
class Target:
    """The target of a fault: a process behind a proxy, and the lock that one fault at a time holds."""

    name: str
    proxy: FaultProxy
    child: Child | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Fleet(Target):
    """A process of nodes; `life` is its present one."""

    path: str = field(kw_only=True)
    size: int = field(kw_only=True)
    life: Life | None = None


@dataclass(slots=True)
class Canary:
    """A node in this process, which does nothing by chance."""

    node: Node
    agent: Agent
    life: Life


@dataclass(slots=True)
class Reader(Target):
    """An aggregator."""

    scope: Scope = field(kw_only=True)
    watch: Watch = field(kw_only=True)
    state_dir: Path = field(kw_only=True)

    @property
    def checkpoint(self) -> int:
        """The number of its newest checkpoint."""
        return max([int(file.stem.rpartition("-")[2]) for file in self.state_dir.glob("checkpoint-*.fog")], default=0)


@dataclass(frozen=True, slots=True)
class _Setup:
    directory: Path
    rng: random.Random
    tell: Callable[[str], None]
    fleets: int
    size: int
    layout: Layout
    servers: Servers


class Direct:
    """A connection to the server without a proxy.

    Attributes:
        jetstream: The server's API.
        recorded: The newest of the messages that passed the server.
    """

    def __init__(self, connection: Connection) -> None:
        self.jetstream = JetStream(Link(connection), deadline=2.0)
        self.recorded: deque[tuple[str, bytes]] = deque(maxlen=KEPT_FRAMES)
        connection.on_connect.append(self._record)

    async def _record(self, client: Client) -> None:
        async def record(message: Msg) -> None:
            self.recorded.append((message.subject, message.data))

        for subject in SUBJECTS:
            await client.subscribe(subject, cb=record)


class Arena:
    """The whole of it: `async with Arena(…) as arena` starts everything, and ends everything.

    Args:
        directory: where stores, states, books and logs go.
        rng: what the nodes' own chance comes from.
        tell: takes a line for each finding.
        fleets: processes of nodes.
        size: nodes in each.
        layout: which aggregators there are, and where the nodes are.

    Attributes:
        kills: processes that met a kill -9.
        accounts: every process of nodes that there ever was.
        mortal: held while nodes die or a stream loses messages: see `secure_the_dead`.
        server: the nats-server, or the first one of a cluster.
        server_lock: held by the one fault that the server has at a time.
        direct: a connection to the server without a proxy.
        readers: the aggregators.
    """

    def __init__(
        self,
        directory: Path,
        rng: random.Random,
        tell: Callable[[str], None],
        fleets: int,
        size: int,
        layout: Layout,
    ) -> None:
        self.kills = 0
        self.accounts = Accounts()
        self.mortal = asyncio.Lock()
        servers = Servers.make(directory / "nats", layout)
        self.server = servers.first
        self.server_lock = asyncio.Lock()
        self.fleets: list[Fleet] = []
        self.readers: list[Reader] = []
        self._setup = _Setup(directory, rng, tell, fleets, size, layout, servers)
        self._canaries: list[Canary] = []
        self._unrepaired: set[int] | None = None  # until a stream loses messages
        self._stack = AsyncExitStack()

    @property
    def streams(self) -> tuple[str, ...]:
        """The names of the streams."""
        return self._setup.layout.streams

    @property
    def servers(self) -> Servers:
        """All servers."""
        return self._setup.servers

    @property
    def torn(self) -> bool:
        """Whether a stream has ever lost messages."""
        return self._unrepaired is not None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        self._setup.directory.mkdir(parents=True, exist_ok=True)
        await self.servers.start(self._stack)
        self._stack.push_async_callback(self._end_children)
        connection = Connection(NatsOptions.parse(self.servers.addresses(""), name="chaos"), longest_pause=1.0)
        self.direct = Direct(connection)
        await self._stack.enter_async_context(connection)
        for name, scope in self._setup.layout.aggregators.items():
            await self._add_reader(name, scope)
        await eventually(self._is_up, deadline=START_SECONDS, what="the aggregators answer and make their streams")
        for parent in self._setup.layout.parents:
            await self._add_canary(f"{parent}/canary")
        fleets, size = self._setup.fleets, self._setup.size
        for number, parent in zip(range(fleets), cycle(self._setup.layout.parents), strict=False):
            fleet = Fleet(f"p{number}", await self._proxy(parent), path=f"{parent}/p{number}", size=size)
            self.fleets.append(fleet)
            self.start_fleet(fleet)

    async def _is_up(self) -> bool:
        for reader in self.readers:
            if reader.child is not None and reader.child.ended:
                raise RuntimeError(f"{reader.name} {reader.child.why_ended()}")
        pages = [await reader.watch.get("/-/healthy") for reader in self.readers]
        return None not in pages and bool(await self.last_sequences())

    # Processes

    def start_fleet(self, fleet: Fleet) -> None:
        """Start a process of nodes, under the paths that the one before had."""
        life = self._new_life(fleet.path, fleet.size)
        arguments = ["--life", str(life.number), "--path", life.path]
        arguments += ["--nats", self.servers.addresses(fleet.path, fleet.proxy)]
        arguments += ["--book", str(self._book(life.number)), "--seed", str(self._setup.rng.getrandbits(32))]
        apart = fleet.path.replace("/", "-") if self.servers.leaves else ""  # a site ends no other's epochs
        arguments += ["--journals", str(self._journals / apart), *self._setup.rng.choice(([], ["--journaled"]))]
        fleet.child = life.child = Child("fog_proving.chaos.load", arguments, self._setup.directory / "load.log")
        fleet.life = life

    def start_reader(self, reader: Reader) -> None:
        """Start an aggregator on the state that the one before left."""
        listen = reader.watch.url.removeprefix("http://")
        arguments = ["aggregator", "--listen", listen, "--stop-on-eof"]
        arguments += ["--nats", self.servers.addresses(reader.scope.path, reader.proxy)]
        often = ["--checkpoint-interval", f"{CHECKPOINT_SECONDS}s", "--checkpoint-share", "100%"]
        arguments += ["--state-dir", str(reader.state_dir), *often]
        arguments += ["--max-events", "200000", "--replicas", str(self._setup.layout.servers)]
        if reader.scope.path:
            arguments += ["--path", reader.scope.path, "--publish-rollup", "--rollup-interval", f"{ROLLUP_SECONDS}s"]
        if reader.scope.branches:
            arguments += ["--branches", ",".join(reader.scope.branches)]
            arguments += [] if reader.scope.apart else ["--branch-events"]
        reader.watch.begins_anew()
        reader.child = Child("fog_cli", arguments, self._setup.directory / f"{reader.name}.log")

    def kill(self, target: Target) -> None:
        """Kill -9."""
        if target.child is not None:
            target.child.kill()
            self.kills += 1

    def kill_server(self, server: NatsServer | None = None) -> None:
        """Kill -9, of a cluster's one that is named; start it again with its `start()`."""
        (server or self.server).kill()
        self.kills += 1

    def stop_counting(self) -> None:
        """Every process of nodes goes on sending, and counts no more."""
        for fleet in self.fleets:
            if fleet.child is not None:
                fleet.child.say("pause")

    def unexpected_ends(self) -> list[str]:
        """Name the processes that ended, and not by a fault."""
        children = [(life.path, life.child) for life in self.accounts.lives]
        children += [(reader.name, reader.child) for reader in self.readers]
        return [
            f"{name} {child.why_ended()}" for name, child in children if child and child.ended and not child.condemned
        ]

    async def keep_evidence(self) -> None:
        """Write down what each aggregator says of itself, beside its log."""
        for reader in self.readers:
            for name, page in (("metrics", "/metrics"), ("nodes", "/api/nodes?limit=1000"), ("status", "/api/status")):
                text = await reader.watch.get(page) or "no answer"
                await asyncio.to_thread((self._setup.directory / f"{reader.name}.{name}").write_text, text)

    # Contents of the streams

    async def last_sequences(self) -> dict[str, int] | None:
        """Return each stream's last sequence; None while there is no server or no stream."""
        jetstream = self.direct.jetstream
        try:
            return {name: (await jetstream.call(f"STREAM.INFO.{name}"))["state"]["last_seq"] for name in self.streams}
        except JetStreamError:
            return None

    # Safety before a loss

    async def secure_the_dead(self) -> None:
        """Wait, before a stream loses messages, until every aggregator has saved the frames of nodes that are gone.

        Acknowledged frames that the stream lost before they were read are gone if their writer is gone too: that is
        not promised (ARCHITECTURE.md), so it must not happen here. Hold `mortal`.

        Raises:
            TimeoutError: it is not so within 45 s.
        """
        await eventually(self._nobody_left, deadline=SECURE_SECONDS, what="the epochs of the dead are ended")
        for canary in self._canaries:
            canary.node.beat()
            await eventually(canary.agent.flush, deadline=SECURE_SECONDS, what="a canary's frame is acknowledged")
        await self._all_saved([canary.life for canary in self._canaries])

    def tear(self) -> None:
        """Note that a stream loses messages now. Hold `mortal`, and `secure_the_dead` first."""
        self._unrepaired = {life.number for life in self.accounts.lives if life.running}

    async def secure_the_living(self, fleet: Fleet) -> None:
        """Before a process is killed that lived when a stream lost messages: it has said anew what was lost.

        It may not count meanwhile, or what comes now could hide that something else is missing. Hold `mortal`.

        Raises:
            TimeoutError: it is not so within 45 s.
        """
        if fleet.life is None or fleet.child is None or fleet.life.number not in (self._unrepaired or ()):
            return
        fleet.child.say("pause")
        try:
            await eventually(fleet.life.all_acknowledged, deadline=SECURE_SECONDS, what=f"{fleet.name} is flushed")
            await self._all_saved([fleet.life])
        finally:
            fleet.child.say("go")
        self._unrepaired = (self._unrepaired or set()) - {fleet.life.number}

    async def _all_saved(self, lives: list[Life]) -> None:
        """Wait until their readers know all that they counted, and have it in both checkpoints that each keeps."""
        accounts = Accounts(lives)
        for reader in [one for one in self.readers if accounts.paths(one.scope)]:
            knows, anew = partial(_knows, reader, accounts), True
            while anew:  # a process that was started meanwhile may know less, and saves that
                child = reader.child
                await eventually(knows, deadline=SECURE_SECONDS, what=f"{reader.name} has read it")
                saved = _reached(reader, reader.checkpoint + 3)  # the next one may have been taken before
                await eventually(saved, deadline=SECURE_SECONDS, what=f"{reader.name} has saved it")
                anew = reader.child is not child

    # The rest

    def _new_life(self, path: str, nodes: int) -> Life:
        number = len(self.accounts.lives)
        life = Life(number, path, Book.create(self._book(number), nodes))
        self.accounts.lives.append(life)
        return life

    @property
    def _journals(self) -> Path:
        return self._setup.directory / "journals"

    def _nobody_left(self) -> bool:
        """Whether no journal of a dead process is left: its final must not be what the stream loses."""
        left = list(left_files(self._journals)) if self._journals.is_dir() else []
        for file in left:
            file.close()
        return not left

    def _book(self, life: int) -> Path:
        return self._setup.directory / f"book-{life}"

    async def _add_reader(self, name: str, scope: Scope) -> None:
        watch = Watch(name, f"http://127.0.0.1:{free_port()}", self._setup.tell)
        proxy, state_dir = await self._proxy(scope.path), self._setup.directory / name
        reader = Reader(name, proxy, scope=scope, watch=watch, state_dir=state_dir)
        self.readers.append(reader)
        self.start_reader(reader)

    async def _add_canary(self, path: str) -> None:
        life = self._new_life(path, 1)
        node = Node(life.book.rows[0], life.number, self._setup.rng)
        agent = Agent(node.collector, path=f"{path}/n0", servers=self.servers.addresses(path), interval=0.25)
        self._canaries.append(Canary(node, await self._stack.enter_async_context(agent), life))

    async def _proxy(self, path: str) -> FaultProxy:
        return await self._stack.enter_async_context(FaultProxy("127.0.0.1", self.servers.at(path).port))

    async def _end_children(self) -> None:
        children = [target.child for target in (*self.fleets, *self.readers)] + [
            life.child for life in self.accounts.lives
        ]
        await asyncio.gather(*(child.stop() for child in children if child is not None))


async def _knows(reader: Reader, accounts: Accounts) -> bool:
    """Whether an aggregator shows every act and lists every event of the accounts."""
    scrape, listed = await reader.watch.scrape(), await reader.watch.events(accounts.paths(reader.scope))
    if scrape is None or listed is None:
        return False
    acts = {place: count for place, count in accounts.most(reader.scope).items() if place[1][0] == LIFE}
    events = accounts.events(reader.scope)
    return all(scrape.values.get(place, 0) == count for place, count in acts.items()) and all(
        len(listed.get(place, ())) == most for place, (_, most) in events.items()
    )


def _reached(reader: Reader, checkpoint: int) -> Callable[[], bool]:
    return lambda: reader.checkpoint >= checkpoint
