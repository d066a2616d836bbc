"""The component that sends the fleet's numbers to the receivers of a file; each has a loop of its own."""

from __future__ import annotations

import asyncio
import logging
import platform
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from fog_aggregator.components.history.history import History
from fog_aggregator.components.outgoing.client import Client
from fog_aggregator.components.outgoing.leasing import Leasing
from fog_aggregator.components.outgoing.metrics import OutgoingMetrics, ReceiverMetrics
from fog_aggregator.components.outgoing.sender import Around, Sender
from fog_aggregator.components.outgoing.steps import OutgoingSteps
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.saved import Saved, as_mapping, as_text
from fog_aggregator.network import NetworkCollector
from fog_aggregator.outgoing.formats import make_format
from fog_aggregator.outgoing.items import About, ItemKind
from fog_aggregator.outgoing.lease import Lease
from fog_aggregator.outgoing.receivers import Receiver, ReceiversError, parse_receivers
from fog_aggregator.outgoing.sending import Limits, Sending
from fog_aggregator.outgoing.series import Described
from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import LogError, Transport
from fog_bus.streams import leases_bucket, leases_stream
from fog_schema import __version__
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator.outgoing")
MOST_BYTES: Final = 1_000_000
_LOOK: Final = 0.02


def read_receivers(name: str) -> tuple[Receiver, ...]:
    """Read the file of receivers; none without a name.

    Raises:
        ReceiversError: It cannot be read, or used.
    """
    if not name:
        return ()
    try:
        with Path(name).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ReceiversError(f"the file of receivers {name} is larger than {MOST_BYTES} bytes")
        return parse_receivers(data.decode(), name)
    except (OSError, UnicodeDecodeError) as error:
        raise ReceiversError(f"the file of receivers {name} cannot be read: {error}") from None


@dataclass(slots=True)
class _Run:
    """All that sends to one receiver."""

    receiver: Receiver
    client: Client
    sender: Sender
    task: asyncio.Task[None] | None = None

    async def end(self) -> None:
        """Send nothing more."""
        await cancel(self.task)
        await self.sender.let_go()
        self.sender.leave()
        await self.client.close()


class Outgoing:
    """A component that sends steps of the history to receivers. One event loop calls every method.

    The last step that each receiver has is part of the checkpoint, so that a restart goes on after it.

    Args:
        read: Reads the receivers.
        history: Has the steps.
        network: The fleet, whose metrics are described.
        own: Takes the counts.
        loops: Runs the loops.
        instance: Names the aggregator, for OTLP.
        lease: Makes the lease of a receiver.

    Raises:
        ReceiversError: The receivers or their certificates cannot be used, or there is no history.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Receiver]],
        history: History,
        network: NetworkCollector,
        own: TelemetryCollector,
        loops: Loops,
        instance: str,
        lease: Callable[[Receiver, Sending], Leasing],
    ) -> None:
        self._has_steps = history.recorder is not None
        receivers = self._checked(read())
        threads = ThreadPoolExecutor(1, thread_name_prefix="outgoing")
        self._read, self._threads, self._loops, self._metrics = read, threads, loops, OutgoingMetrics(own)
        self._steps = OutgoingSteps(history.store, history.lock, round(history.step * 1000))
        self._changing, self._is_running = asyncio.Lock(), False
        describe = partial(describe_metrics, network)
        formats = partial(make_format, instance=instance, version=__version__)
        self._around = Around(self._steps, describe, network.now, formats, threads, lease)
        self._runs = {one.name: self._make_run(one, Client(one)) for one in receivers}
        if history.recorder is not None:
            history.recorder.on_kept = self._steps.note

    def _checked(self, receivers: Sequence[Receiver]) -> Sequence[Receiver]:
        if receivers and not self._has_steps:
            raise ReceiversError("receivers get the steps of the history: give --history-memory more than 0")
        return receivers

    def _make_run(self, receiver: Receiver, client: Client) -> _Run:
        core = Sending(Limits(receiver.requests, receiver.max_age), random.random)
        metrics = ReceiverMetrics(self._metrics, receiver.name, self._lag(core))
        return _Run(receiver, client, Sender(receiver, core, client, self._around, metrics))

    @property
    def _senders(self) -> list[Sender]:
        return [one.sender for one in self._runs.values()]

    def _lag(self, core: Sending) -> Callable[[], float]:
        """Return what tells how old the oldest step is that a receiver lacks, in seconds; 0 when it lacks none."""

        def lag() -> float:
            since = max(core.cursor, self._steps.first)
            return max(0.0, (self._steps.newest - since) / 1e3) if core.cursor else 0.0

        return lag

    async def start(self) -> None:
        """Begin to send, after the history has loaded."""
        self._steps.begin()
        self._is_running = True
        for run in self._runs.values():
            self._begin(run)

    def _begin(self, run: _Run) -> None:
        run.task = self._loops.spawn(run.sender.run())
        LOGGER.info("sending to %s", run.receiver.name)

    def reload(self) -> None:
        """Read the receivers anew, and go over to them at once; each goes on after the last step that it has.

        Raises:
            ReceiversError: They cannot be used: all stays as it is.
        """
        if not self._is_running:
            return
        try:
            found = [(one, Client(one)) for one in self._checked(self._read())]
        except ReceiversError as error:
            LOGGER.error("the receivers are as they were: %s", error)  # noqa: TRY400 - no fault of ours
            raise
        self._loops.spawn(self._change(found))

    async def _change(self, found: Sequence[tuple[Receiver, Client]]) -> None:
        """Leave alone what has not changed; certificates are files, which may have."""
        async with self._changing:
            if not self._is_running:
                return
            gone, runs = dict(self._runs), {}
            for receiver, client in found:
                old = gone.pop(receiver.name, None)
                if old is not None and old.receiver == receiver and not receiver.access.has_certificates:
                    runs[receiver.name] = old
                    continue
                run = runs[receiver.name] = self._make_run(receiver, client)
                if old is not None:
                    await old.end()
                    run.sender.core.restore(Saved(as_mapping(old.sender.core.image().plain)))
                self._begin(run)
            for name, one in gone.items():
                await one.end()
                self._metrics.forget(name)
                LOGGER.info("sending to %s no more", name)
            self._runs = runs  # now that no checkpoint is without the step that one has

    async def stop(self, deadline: float) -> None:
        """End; what a receiver has not got yet it gets by the next run."""
        self._is_running, until = False, time.monotonic() + deadline / 2
        async with self._changing:
            await self._end(deadline, until)

    async def _end(self, deadline: float, until: float) -> None:
        if deadline:
            await asyncio.gather(*(self._drain(one, until) for one in self._senders))
        await cancel(*(one.task for one in self._runs.values()))
        if deadline:
            await asyncio.gather(*(one.end_series(max(0.0, until - time.monotonic())) for one in self._senders))
            await asyncio.gather(*(one.let_go() for one in self._senders))
        for run in self._runs.values():
            await run.client.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drain(self, sender: Sender, until: float) -> None:
        """Wait until a receiver has all steps, as long as there is time and it takes any."""
        core = sender.core
        if sender.leasing is not None and not sender.leasing.is_held:
            return
        while time.monotonic() < until and not core.trouble and core.cursor < self._steps.newest:  # noqa: ASYNC110 - at the end only
            await asyncio.sleep(_LOOK)

    def image(self) -> Saved:
        """Return the last step that each receiver has."""
        return Saved({"receivers": {one.name: one.core.image().plain for one in self._senders}})

    def restore(self, saved: Saved) -> None:
        """Take over what was saved; receivers that are new begin with the present, and those that are gone are dropped.

        Raises:
            DamagedError: It is not what `image` returns.
        """
        found = {as_text(name): plain for name, plain in saved.value("receivers", as_mapping).items()}
        for one in self._senders:
            if one.name in found:
                one.core.restore(Saved(as_mapping(found[one.name])))


def describe_metrics(network: NetworkCollector) -> Described:
    """Return what is known of the fleet's metrics, by name."""
    return {one.name: About(ItemKind(one.type.value), one.help, one.unit) for one in reversed(network.descriptions())}


def make_leases(config: AggregatorConfig, bus: Transport) -> Callable[[Receiver, Sending], Leasing]:
    """Return what makes leases: all aggregators of one part of the tree have the same key for a receiver."""
    subjects, own = Subjects(config.prefix), uuid4().hex
    bucket, settings = bus.bucket(leases_bucket(subjects)), leases_stream(subjects, replicas=config.replicas)

    async def provide() -> None:
        if not config.create_streams:
            raise LogError("missing", "it is not ours to make")
        await bus.provide(settings)

    def make(receiver: Receiver, core: Sending) -> Leasing:
        key = ".".join((*config.path, receiver.name.replace(".", "=")))
        return Leasing(bucket, key, Lease(own, receiver.lease), core, provide)

    return make


def make_outgoing(
    config: AggregatorConfig,
    bus: Transport,
    history: History,
    network: NetworkCollector,
    own: TelemetryCollector,
    loops: Loops,
) -> Outgoing:
    """Make the component with the receivers of the file that options name.

    Raises:
        ReceiversError: The file, or a certificate, cannot be used, or there is no history.
    """
    instance = f"{platform.node()}:{config.listen[1]}"
    read, lease = partial(read_receivers, config.receivers), make_leases(config, bus)
    return Outgoing(read, history, network, own, loops, instance, lease)
