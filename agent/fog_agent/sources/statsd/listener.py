"""Listen for lines of statsd, and count them into a collector."""

from __future__ import annotations

import threading
import time
from typing import Final

from fog_agent.sources.datagrams import FAULT, MAX_DATAGRAM, DatagramReader, receive
from fog_agent.sources.ports import Context
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.model import FamilySnapshot

from .lines import MAPPING, REASONS, Happening
from .settings import StatsdSettings
from .totals import Totals

EVENT: Final = "statsd_event"
CHECK_CHANGED: Final = "statsd_service_check"


class StatsdListener:
    """One listener: threads read and add up, the collector asks for the totals whenever it is read.

    Args:
        settings: of its table.
        context: of the agent.

    Attributes:
        name: its name in the file of sources.
        readers: one for each address; they know the ports.
    """

    def __init__(self, settings: StatsdSettings, context: Context) -> None:
        self.name = settings.name
        self.readers = [
            DatagramReader(f"{self.name} {number}", address, receive, self._take, self._lost)
            for number, address in enumerate(settings.addresses, 1)
        ]
        self._collector = context.collector
        self._metrics = context.metrics
        self._counters = ListenerCounters(context.collector, self.name)
        self._lock = threading.Lock()
        self._totals = Totals(settings.plan, self._tell_clash, self._is_taken)
        self._added = False
        self._metrics.expect(self.name, *REASONS, FAULT)
        self._metrics.up(self.name, up=False)

    def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: says which address cannot be used, and why.
        """
        try:
            for reader in self.readers:
                reader.start()
        except OSError:
            self._stop_readers()
            raise
        if not self._added:
            self._added = True
            self._collector.add_source(self._collect, name=f"statsd {self.name}")
        self._metrics.up(self.name, up=True)

    def stop(self) -> None:
        """End: what came until now is in the totals, which the collector still shows."""
        self._stop_readers()
        with self._lock:
            self._tell()
        self._metrics.up(self.name, up=False)

    def _stop_readers(self) -> None:
        for reader in self.readers:
            reader.stop()

    def _lost(self, count: int) -> None:
        """Count datagrams that were lost by a fault of ours."""
        self._metrics.refuse(self.name, FAULT, f"lost {count} datagrams by a fault: the log says which", count)

    def _take(self, batch: list[bytes]) -> None:
        """Add up what came. On a reader's thread."""
        now = time.time()
        with self._lock:
            totals = self._totals
            for data in batch:
                if len(data) > MAX_DATAGRAM:
                    totals.refuse_long(data)
                else:
                    totals.take(data, now)
            happenings = totals.take_happenings()
            self._counters.datagrams.increment(len(batch))
            self._tell()
        for one in happenings:
            record_happening(self._collector, one)

    def _collect(self) -> list[FamilySnapshot]:
        with self._lock:
            self._tell()
            return self._totals.collect(time.time())

    def _tell(self) -> None:
        """Bring the metrics about the listener up to date. The caller holds the lock."""
        totals, counters = self._totals, self._counters
        counters.tell(totals.counted, sum([reader.dropped() for reader in self.readers]))
        for reason, count in totals.take_refused():
            if reason == MAPPING:
                counters.left_out.increment(count)
                continue
            self._metrics.refuse(self.name, reason, f"a line is refused ({reason}): {totals.examples[reason]}", count)

    def _is_taken(self, sample: str) -> bool:
        return self._collector.get_metric(sample) is not None

    def _tell_clash(self, name: str, first: str, valid: str) -> None:
        text = f"{name!r} and {first!r} are both {valid} here, and are added up"
        self._metrics.tell(self.name, f"name {valid}", text)


def record_happening(collector: TelemetryCollector, one: Happening) -> None:
    """Record an event, or the change of a service check."""
    if one.status is None:
        collector.record_event(EVENT, one.title, one.tags, one.facts)
    else:
        collector.record_event(CHECK_CHANGED, one.status, one.tags | {"check": one.title}, one.facts)


class ListenerCounters:
    """The metrics about one listener alone."""

    def __init__(self, collector: TelemetryCollector, name: str) -> None:
        values = collector.register_counter(
            "fog_agent_statsd_values_total", "Values, events and service checks that a listener has taken", ["source"]
        )
        datagrams = collector.register_counter(
            "fog_agent_statsd_datagrams_total", "Datagrams that a listener has read", ["source"]
        )
        left_out = collector.register_counter(
            "fog_agent_statsd_left_out_total", "Values that a mapping with action = drop leaves out", ["source"]
        )
        dropped = collector.register_counter(
            "fog_agent_statsd_dropped_total", "Datagrams that the kernel dropped, as the queue was full", ["source"]
        )
        self.datagrams = datagrams.labels(name)
        self.left_out = left_out.labels(name)
        self._values = values.labels(name)
        self._dropped = dropped.labels(name)
        self._before = (0, 0)

    def tell(self, values: int, dropped: int) -> None:
        """Take how many there have been until now."""
        self._values.increment(values - self._before[0])
        self._dropped.increment(dropped - self._before[1])
        self._before = (values, dropped)
