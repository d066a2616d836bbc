"""Export the fleet to files, by the same exporters as a node's."""

from __future__ import annotations

from fog_aggregator.components.file_export.options import FileExportOptions
from fog_aggregator.network import NetworkCollector
from utilityfog_frontend.telemetry import JSONExporter, MetricsExporter, PeriodicExporter, PrometheusAdapter


class FileExport:
    """A component that writes the network-wide collector to files, every `export_interval` seconds and at the end.

    Args:
        network: The collector to export.
        options: The files.
    """

    def __init__(self, network: NetworkCollector, options: FileExportOptions) -> None:
        exporters: list[MetricsExporter] = []
        if options.export_prometheus is not None:
            exporters.append(PrometheusAdapter(str(options.export_prometheus)))
        if options.export_json is not None:
            exporters.append(JSONExporter(str(options.export_json)))
        self._periodic = [PeriodicExporter(one, network, interval=options.export_interval) for one in exporters]

    async def start(self) -> None:
        """Begin to export."""
        for one in self._periodic:
            await one.start()

    async def stop(self, deadline: float) -> None:
        """Export once more, and end."""
        del deadline  # a file is written at once
        for one in self._periodic:
            await one.stop()
