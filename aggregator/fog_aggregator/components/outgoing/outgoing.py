"""The component that sends the fleet's numbers to the receivers of a file; each has a loop of its own."""

from __future__ import annotations

import asyncio
import logging
import platform
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from fog_aggregator.components.history.history import History
from fog_aggregator.components.outgoing.client import Client
from fog_aggregator.components.outgoing.metrics import OutgoingMetrics, ReceiverMetrics
from fog_aggregator.components.outgoing.sender import Around, Sender
from fog_aggregator.components.outgoing.steps import OutgoingSteps
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.saved import Saved, as_mapping, as_text
from fog_aggregator.network import NetworkCollector
from fog_aggregator.outgoing.formats import make_format
from fog_aggregator.outgoing.items import About, ItemKind
from fog_aggregator.outgoing.receivers import Receiver, ReceiversError, parse_receivers
from fog_aggregator.outgoing.sending import Limits, Sending
from fog_aggregator.outgoing.series import Described
from fog_aggregator.tasks import Loops, cancel
from fog_schema import __version__
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


class Outgoing:
    """A component that sends steps of the history to receivers. One event loop calls every method.

    The last step that each receiver has is part of the checkpoint, so that a restart goes on after it.

    Args:
        receivers: The receivers.
        history: Has the steps.
        network: The fleet, whose metrics are described.
        own: Takes the counts.
        loops: Runs the loops.
        instance: Names the aggregator, for OTLP.

    Raises:
        ReceiversError: Certificates cannot be used, or there is no history.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        history: History,
        network: NetworkCollector,
        own: TelemetryCollector,
        loops: Loops,
        instance: str,
    ) -> None:
        if receivers and history.recorder is None:
            raise ReceiversError("receivers get the steps of the history: give --history-memory more than 0")
        metrics, threads = OutgoingMetrics(own), ThreadPoolExecutor(1, thread_name_prefix="outgoing")
        self._threads, self._loops = threads, loops
        self._steps = OutgoingSteps(history.store, history.lock, round(history.step * 1000))
        self._tasks: list[asyncio.Task[None]] = []
        describe = partial(describe_metrics, network)
        formats = partial(make_format, instance=instance, version=__version__)
        around = Around(self._steps, describe, network.now, formats, threads)
        self._clients = [Client(one) for one in receivers]
        self._senders = [
            self._make_sender(one, client, around, metrics)
            for one, client in zip(receivers, self._clients, strict=True)
        ]
        if receivers and history.recorder is not None:
            history.recorder.on_kept = self._steps.note

    def _make_sender(self, receiver: Receiver, client: Client, around: Around, metrics: OutgoingMetrics) -> Sender:
        core = Sending(Limits(receiver.requests, receiver.max_age), random.random)
        return Sender(receiver, core, client, around, ReceiverMetrics(metrics, receiver.name, self._lag(core)))

    def _lag(self, core: Sending) -> Callable[[], float]:
        """Return what tells how old the oldest step is that a receiver lacks, in seconds; 0 when it lacks none."""

        def lag() -> float:
            since = max(core.cursor, self._steps.first)
            return max(0.0, (self._steps.newest - since) / 1e3) if core.cursor else 0.0

        return lag

    async def start(self) -> None:
        """Begin to send, after the history has loaded."""
        self._steps.begin()
        self._tasks = [self._loops.spawn(one.run()) for one in self._senders]
        for sender in self._senders:
            LOGGER.info("sending to %s", sender.name)

    async def stop(self, deadline: float) -> None:
        """End; what a receiver has not got yet it gets by the next run."""
        until = time.monotonic() + deadline / 2
        if deadline:
            await asyncio.gather(*(self._drain(one, until) for one in self._senders))
        await cancel(*self._tasks)
        if deadline:
            await asyncio.gather(*(one.end_series(max(0.0, until - time.monotonic())) for one in self._senders))
        for client in self._clients:
            await client.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drain(self, sender: Sender, until: float) -> None:
        """Wait until a receiver has all steps, as long as there is time and it takes any."""
        core = sender.core
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
    """Return what is known of the fleet's metrics, by name; exponential histograms are shown with buckets of bounds."""
    kinds = {kind.value: kind for kind in ItemKind}
    return {
        one.name: About(kinds.get(one.type.value, ItemKind.HISTOGRAM), one.help, one.unit)
        for one in reversed(network.descriptions())
    }


def make_outgoing(
    config: AggregatorConfig, history: History, network: NetworkCollector, own: TelemetryCollector, loops: Loops
) -> Outgoing:
    """Make the component with the receivers of the file that options name.

    Raises:
        ReceiversError: The file, or a certificate, cannot be used, or there is no history.
    """
    instance = f"{platform.node()}:{config.listen[1]}"
    return Outgoing(read_receivers(config.receivers), history, network, own, loops, instance)
