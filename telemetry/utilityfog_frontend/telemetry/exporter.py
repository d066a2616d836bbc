"""Exporters: from any `MetricsSource` to where its values are wanted."""

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path

from .exposition.text import iter_text
from .source import MetricsSource
from .support import arguments
from .support.files import replace_file
from .support.fork import renew_after_fork
from .support.problems import logger
from .support.tasks import is_alive

Sleep = Callable[[float], Awaitable[None]]


class MetricsExporter(ABC):
    """Something that can export a source. Subclass it for a format or a destination of your own."""

    @abstractmethod
    async def export_metrics(self, collector: MetricsSource) -> bool:
        """Export once; True when that succeeded."""


class FileExporter(MetricsExporter):
    """Writes one format to a file, or nowhere: then the values are rendered, counted and logged.

    The file is replaced atomically and its folders are created. A failed write is repeated, after `backoff` seconds,
    then after twice as long, and so on, `attempts` times in all; then it is counted and logged, and `export_metrics`
    says False.

    Args:
        output_file: where to; None for nowhere.
        attempts: how often to try.
        backoff: seconds before the second attempt.
        sleep: waits for that long.
    """

    def __init__(
        self,
        output_file: str | PathLike[str] | None = None,
        *,
        attempts: int = 3,
        backoff: float = 0.1,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if output_file is not None:
            arguments.path_of("output_file", output_file)
        arguments.number_of("attempts", attempts)
        arguments.seconds("backoff", backoff, zero=True)
        self.output_file = output_file
        self._attempts = attempts
        self._backoff = backoff
        self._sleep = sleep
        self._last_export = 0.0
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """In a forked child: the lock anew."""
        self._one_at_a_time = threading.Lock()

    @abstractmethod
    def render(self, collector: MetricsSource) -> Iterable[bytes]:
        """Return the values of `collector` now, in this exporter's format."""

    def get_last_export_time(self) -> float:
        """Unix seconds of the last success; 0 before the first."""
        return self._last_export

    async def export_metrics(self, collector: MetricsSource) -> bool:
        """Export once, off the event loop; True when that succeeded. Raises only for a source that is none."""
        arguments.instance("the source of an export", collector, MetricsSource)
        for attempt in range(self._attempts):
            if attempt:
                await self._sleep(self._backoff * 2 ** (attempt - 1))
            try:
                await asyncio.to_thread(self._export, collector)
            except Exception as error:  # noqa: BLE001 - the collector survives whatever an export fails of
                failure = error
            else:
                self._last_export = time.time()
                return True
        name, where = type(self).__name__, self.output_file or "nowhere"
        collector.report("export", "%s failed %d times to write to %s: %r", name, self._attempts, where, failure)
        return False

    def _export(self, collector: MetricsSource) -> None:
        with self._one_at_a_time:  # a cancelled export goes on in its thread: it must not end after a later one
            chunks = self.render(collector)
            if self.output_file is None:
                logger.info("%s: exported %d bytes to nowhere", type(self).__name__, sum(map(len, chunks)))
            else:
                replace_file(Path(self.output_file), chunks)


class PrometheusAdapter(FileExporter):
    """Exports Prometheus text 0.0.4, as for node_exporter's textfile collector."""

    def render(self, collector: MetricsSource) -> Iterable[bytes]:
        """Return the values of `collector` now as Prometheus text."""
        return iter_text(collector.collect())


class JSONExporter(FileExporter):
    """Exports the snapshot as JSON; NaN and infinities as the strings "NaN", "+Inf" and "-Inf".

    Args:
        output_file: where to; None for nowhere.
        pretty: whether to indent.
        attempts: how often to try.
        backoff: seconds before the second attempt.
        sleep: waits for that long.
    """

    def __init__(
        self,
        output_file: str | PathLike[str] | None = None,
        pretty: bool = True,  # noqa: FBT001, FBT002 - as programs for the public implementation call it
        *,
        attempts: int = 3,
        backoff: float = 0.1,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(output_file, attempts=attempts, backoff=backoff, sleep=sleep)
        self.pretty = pretty

    def render(self, collector: MetricsSource) -> Iterable[bytes]:
        """Return the snapshot of `collector` as JSON."""
        return [collector.export_to_json(indent=2 if self.pretty else None).encode(), b"\n"]


class MultiExporter(MetricsExporter):
    """Exports with several exporters, one after the other."""

    def __init__(self, exporters: Sequence[MetricsExporter]) -> None:
        given = arguments.items("a MultiExporter needs a sequence of exporters", exporters)
        self.exporters = [arguments.instance("each of several exporters", one, MetricsExporter) for one in given]

    async def export_metrics(self, collector: MetricsSource) -> bool:
        """Export with each, whatever becomes of the others; True when all succeeded. Never raises."""
        results = [await export_safely(exporter, collector) for exporter in self.exporters]
        return all(results)


class PeriodicExporter:
    """Exports every `interval` seconds, the first time at once, and a last time when it is stopped.

    Args:
        exporter: any; when it fails or raises, that is counted and logged, and the next turn comes.
        collector: any source.
        interval: seconds between the beginnings of exports; a turn that another export overran is left out.
        sleep: waits for that many seconds.

    Raises:
        ValueError: an interval that is not above zero.
        TypeError: an argument of another type.
    """

    def __init__(
        self,
        exporter: MetricsExporter,
        collector: MetricsSource,
        interval: float = 60.0,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        arguments.seconds("interval", interval)
        arguments.instance("exporter", exporter, MetricsExporter)
        arguments.instance("collector", collector, MetricsSource)
        self.exporter = exporter
        self.collector = collector
        self.interval = interval
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started, and its event loop lives."""
        return is_alive(self._task)

    async def start(self) -> None:
        """Start to export. Twice does no harm."""
        if not self.running:
            self._task = asyncio.create_task(self._export_for_ever(), name="periodic metrics export")
            logger.info("started periodic metrics export every %g s", self.interval)

    async def stop(self) -> None:
        """Stop, and export a last time, so that nothing recorded until now is missing."""
        task, self._task = self._task, None
        if task is None:
            return
        if is_alive(task):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await export_safely(self.exporter, self.collector)
        logger.info("stopped periodic metrics export")

    async def _export_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await export_safely(self.exporter, self.collector)
            due = max(due + self.interval, loop.time())
            await self._sleep(due - loop.time())


async def export_safely(exporter: MetricsExporter, collector: MetricsSource) -> bool:
    """Export once; False when that failed or raised, which is counted and logged."""
    try:
        return bool(await exporter.export_metrics(collector))
    except Exception as error:  # noqa: BLE001 - an exporter of the user's
        collector.report("export", "%s failed: %r", type(exporter).__name__, error)
        return False


async def export_to_prometheus(
    collector: MetricsSource,
    output_file: str | PathLike[str] = "/tmp/metrics.prom",  # noqa: S108 - SEED's own example
) -> bool:
    """Write Prometheus text to a file once; True when that succeeded."""
    return await PrometheusAdapter(output_file).export_metrics(collector)


async def export_to_json(
    collector: MetricsSource,
    output_file: str | PathLike[str] = "/tmp/metrics.json",  # noqa: S108 - SEED's own example
) -> bool:
    """Write the snapshot to a JSON file once; True when that succeeded."""
    return await JSONExporter(output_file).export_metrics(collector)


def create_default_exporter(
    prometheus_file: str | PathLike[str] | None = None, json_file: str | PathLike[str] | None = None
) -> MetricsExporter:
    """Return an exporter to the files that are given; to nowhere, as JSON, when none is."""
    exporters: list[MetricsExporter] = []
    if prometheus_file:
        exporters.append(PrometheusAdapter(prometheus_file))
    if json_file or not exporters:
        exporters.append(JSONExporter(json_file))
    return exporters[0] if len(exporters) == 1 else MultiExporter(exporters)
