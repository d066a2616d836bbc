"""Export the fleet to files, by the same exporters as a node's."""

from __future__ import annotations

from pathlib import Path

from fog_aggregator.network import NetworkCollector
from utilityfog_frontend.telemetry import JSONExporter, MetricsExporter, PeriodicExporter, PrometheusAdapter


class FileExport:
    """A component that writes the network-wide collector to files, every `interval` seconds and at the end.

    Args:
        network: The collector to export.
        prometheus: The file in Prometheus' format; None for none.
        json: The file in JSON; None for none.
        interval: Seconds.
    """

    def __init__(self, network: NetworkCollector, prometheus: Path | None, json: Path | None, interval: float) -> None:
        exporters: list[MetricsExporter] = []
        if prometheus is not None:
            exporters.append(PrometheusAdapter(str(prometheus)))
        if json is not None:
            exporters.append(JSONExporter(str(json)))
        self._periodic = [PeriodicExporter(one, network, interval=interval) for one in exporters]

    async def start(self) -> None:
        """Begin to export."""
        for one in self._periodic:
            await one.start()

    async def stop(self, deadline: float) -> None:
        """Export once more, and end."""
        del deadline  # a file is written at once
        for one in self._periodic:
            await one.stop()
