"""One of a pair sends: the decision by itself, the bucket of both adapters, and two aggregators; one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fog_aggregator.components.outgoing.leasing import Leasing
from fog_aggregator.core.saved import Saved
from fog_aggregator.outgoing.lease import Lease, Word, read_word
from fog_aggregator.outgoing.receivers import ReceiversError, parse_receivers
from fog_aggregator.outgoing.sending import Limits, Sending
from fog_bus.memory import MemoryBus
from fog_bus.nats.api import JetStream
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.transport import NatsTransport
from fog_bus.ports import LogError, Transport
from fog_bus.streams import bucket_stream, leases_bucket, leases_stream
from fog_cli.api import Api
from fog_cli.errors import CommandError
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import free_address
from tests.cli.processes import fog
from tests.outgoing.receiving import Receiver, receiving
from tests.outgoing.test_service import STEP, node

BUCKET = leases_bucket(Subjects())


def word(holder: str, cursor: int = 0) -> Word:
    """Return what a holder writes."""
    return Word(holder, Saved({"cursor": cursor}))


def test_a_word_is_read_back() -> None:
    """A key that was deleted, or that has something else, is nobody's word."""
    found = read_word(word("a", 7).data())
    assert found is not None
    assert (found.holder, found.sent.plain) == ("a", {"cursor": 7})
    for garbage in (b"", b"{", b"[]", b'{"holder": 1, "sent": {}}', b"[" * 100_000):
        assert read_word(garbage) is None


def test_two_never_hold_it() -> None:
    """Whatever the moment of the last write: the holder ends before a revision has stood still for a term."""
    one, other = Lease("one", 10), Lease("other", 10)
    assert not one.may_write(0, None, 100)
    assert one.may_write(0, None, 110)
    one.written(1, 109.5)
    assert one.is_held(110)
    assert not other.may_write(1, word("one"), 110)
    one.written(2, 112)
    for now in range(113, 123):
        assert not other.may_write(2, word("one"), now)
    assert other.may_write(2, word("one"), 123)
    assert not one.is_held(120)


def test_it_is_free_at_once_when_it_was_let_go() -> None:
    """And ours where we are named, as after a write without an answer."""
    lease = Lease("one", 10)
    assert lease.may_write(5, word(""), 100)
    assert lease.may_write(6, word("one"), 100)
    lease.written(7, 100)
    assert not lease.may_write(8, word("other"), 101)
    assert not lease.is_held(101)


def test_a_deleted_key_stays_its_holders() -> None:
    """The holder writes it again at once; another one waits a term, as the holder does not know yet."""
    one, other = Lease("one", 10), Lease("other", 10)
    one.written(3, 100)
    assert not other.may_write(0, None, 101)
    assert one.may_write(0, None, 102)
    assert not other.may_write(0, None, 110)
    assert other.may_write(0, None, 111)
    assert not one.may_write(0, None, 109)  # its time was over at 108


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncIterator[NatsTransport]:
    """Provide a connection."""
    async with NatsTransport(NatsOptions.parse(server.url)) as transport:
        await transport.connected(10)
        yield transport


@pytest.mark.parametrize("adapter", ["memory", "nats"])
async def test_a_bucket_writes_where_nobody_else_has(fog_nats: NatsServer, adapter: str) -> None:
    """The second write of two that know the same revision is refused, in both adapters."""
    async with contextlib.AsyncExitStack() as stack:
        transport: Transport = MemoryBus()
        if adapter == "nats":
            transport = await stack.enter_async_context(connected(fog_nats))
            with pytest.raises(LogError) as told:
                await transport.bucket(BUCKET).get("r")
            assert told.value.reason == "missing"
            with pytest.raises(LogError) as told:
                await transport.bucket(BUCKET).put("r", b"x", 0)
            assert told.value.reason == "missing"
            assert not await transport.provide(leases_stream(Subjects()))
        bucket = transport.bucket(BUCKET)
        assert (await bucket.get("fog.r"))[0] == 0
        first = await bucket.put("fog.r", b"one", 0)
        assert first
        assert not await bucket.put("fog.r", b"two", 0)
        assert await bucket.get("fog.r") == (first, b"one")
        second = await bucket.put("fog.r", b"two", first)
        assert second > first
        assert not await bucket.put("fog.r", b"three", first)
        assert (await bucket.get("r"))[0] == 0


async def test_an_outage_ends_the_lease_and_the_cursor_goes_over() -> None:
    """The holder does not send without a word of the bus; afterwards either goes on, where the holder was."""
    bus, cores = MemoryBus(), [Sending(Limits(), lambda: 0.5) for _ in range(2)]

    async def provide() -> None:
        raise LogError("missing")

    leases = [
        Leasing(bus.bucket(BUCKET), "r", Lease(name, 1.0), core, provide)
        for name, core in zip("ab", cores, strict=True)
    ]
    cores[0].cursor = 5_000
    tasks = [asyncio.ensure_future(one.run()) for one in leases]
    try:
        await eventually(lambda: any(one.is_held for one in leases))
        holder = next(at for at, one in enumerate(leases) if one.is_held)
        cores[holder].cursor, cores[holder].schemas = 9_000, {"took": 2}
        await leases[holder].write()
        await eventually(lambda: cores[1 - holder].cursor == 9_000)
        bus.disconnect()
        await eventually(lambda: not any(one.is_held for one in leases))
        bus.reconnect()
        await eventually(lambda: any(one.is_held for one in leases))
        assert not all(one.is_held for one in leases)
        holder = next(at for at, one in enumerate(leases) if one.is_held)
        await leases[holder].let_go()
        tasks[holder].cancel()
        await eventually(lambda: leases[1 - holder].is_held)
        assert [core.cursor for core in cores] == [9_000, 9_000]
        assert cores[1 - holder].schemas == {"took": 2}
    finally:
        for task in tasks:
            task.cancel()


def test_a_lease_does_not_end_series() -> None:
    """Another one goes on."""
    text = '[[receiver]]\nname = "r"\nurl = "http://r/w"\nlease = "10s"\n'
    [one] = parse_receivers(text, "f")
    assert (one.lease, one.end_at_stop) == (10.0, False)
    with pytest.raises(ReceiversError, match="another one goes on"):
        parse_receivers(text + "end_at_stop = true", "f")


class Pair:
    """Two aggregators as processes, which send to one receiver."""

    def __init__(self, server: NatsServer, folder: Path, taking: Receiver) -> None:
        file = folder / "receivers.toml"
        file.write_text(f'[[receiver]]\nname = "r"\nurl = "{taking.url}"\nlease = "1s"\n')
        self._common = [
            *(
                "aggregator",
                "--nats",
                server.url,
                "--receivers",
                str(file),
                "--history-step",
                f"{round(STEP * 1000)}ms",
            ),
            *("--rules", "", "--checkpoint-interval", "1s", "--kernels", "numpy"),
        ]
        self._folder = folder
        self._addresses: dict[str, str] = {}

    @contextlib.contextmanager
    def start(self, name: str) -> Iterator[Any]:
        """Run one of them."""
        address = self._addresses[name] = free_address()
        with fog(*self._common, "--listen", address, "--state-dir", str(self._folder / name)) as process:
            yield process

    async def times_taken(self, name: str) -> int:
        """Return how many times one of them counts that it took the lease; 0 while it does not say."""
        try:
            text = (await asyncio.to_thread(Api(self._addresses[name]).get, "/metrics")).decode()
        except CommandError:
            return 0
        found = re.search(r'^fog_aggregator_outgoing_lease_changes_total{.*result="taken".*} (.+)$', text, re.MULTILINE)
        return int(float(found[1])) if found is not None else 0

    async def handovers(self) -> int:
        """Return how often the lease was taken after the first time: a holder that stood still may take it again."""
        return max(0, sum([await self.times_taken(name) for name in self._addresses]) - 1)


async def test_the_other_one_goes_on_when_the_holder_is_killed(fog_nats: NatsServer, tmp_path: Path) -> None:
    """No step is missing, and no more comes twice than what was under way; a deleted bucket costs none.

    A machine that stands still for a term may hand the lease over without a kill; that, too, repeats one step at most.
    """
    async with receiving() as taking, node(fog_nats) as collector:
        pair = Pair(fog_nats, tmp_path, taking)
        with ExitStack() as stack:
            first = stack.enter_context(pair.start("a"))
            await eventually(lambda: taking.has("orders_total", 3), deadline=60)
            stack.enter_context(pair.start("b"))
            await eventually(lambda: taking.has("orders_total", 40), deadline=60)
            async with connected(fog_nats) as transport:
                await JetStream(transport).call(f"STREAM.DELETE.{bucket_stream(BUCKET)}")
            await eventually(lambda: taking.has("orders_total", 60), deadline=60)
            if taking.repeated:
                await eventually(pair.handovers, deadline=60)
            taken_by_first = await eventually(lambda: pair.times_taken("a"), deadline=60)
            first.kill()
            first.wait()
            had = len(taking.values("orders_total"))
            collector.get_metric("orders_total").labels(kind="pizza").increment()  # type: ignore[union-attr]
            await eventually(lambda: len(taking.values("orders_total")) > had + 10, deadline=60)
            handovers = taken_by_first - 1 + await eventually(lambda: pair.times_taken("b"), deadline=60)
            series = len(taking.series)
    [own] = [own for labels, own in taking.series.items() if ("__name__", "orders_total") in labels]
    assert {later - earlier for earlier, later in pairwise(sorted(own))} == {round(STEP * 1000)}
    assert taking.repeated <= series * handovers
