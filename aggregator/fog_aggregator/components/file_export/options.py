"""The options of the files that an aggregator writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fog_bus.options import option
from fog_bus.options.kinds import FILE, PERIOD


@dataclass(frozen=True, kw_only=True)
class FileExportOptions:
    """Which files are written, and how often."""

    export_prometheus: Path | None = option(
        None, "write the metrics to this file as well, as Prometheus text", FILE, convert=Path
    )
    export_json: Path | None = option(None, "write the snapshot to this file as well, as JSON", FILE, convert=Path)
    export_interval: float = option(10.0, "how often these files are written", PERIOD)
