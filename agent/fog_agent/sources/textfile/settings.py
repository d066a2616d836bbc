"""How a directory of text files is read: a table `[[textfile]]`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fog_agent.sources.scraping.settings import MOST_BYTES, MOST_SERIES, check_labels
from fog_agent.sources.tables import Table


@dataclass(frozen=True, slots=True)
class Settings:
    """One directory.

    Attributes:
        name: Names the source.
        directory: Its files that end in `.prom` are read, not those in directories under it.
        interval: Seconds between two readings.
        labels: Ours, on each series.
        most_files: The number of files that are read, the first by name.
        most_series: The number of samples that a file may have.
        most_bytes: The length that a file may have.
    """

    name: str
    directory: Path
    interval: float
    labels: dict[str, str]
    most_files: int
    most_series: int
    most_bytes: int


def read(table: Table) -> Settings:
    """Read a table.

    Raises:
        ValueError: It cannot be used.
    """
    labels = table.mapping("labels")
    check_labels(labels)
    settings = Settings(
        name=table.text("name"),
        directory=Path(table.text("directory")),
        interval=table.seconds("interval", 0.1, 3600, 10.0),
        labels=labels,
        most_files=table.integer("most_files", 1, 10_000, 1000),
        most_series=table.integer("most_series", 1, 100_000, MOST_SERIES),
        most_bytes=table.integer("most_bytes", 1, 64 * 1024 * 1024, MOST_BYTES),
    )
    table.end()
    return settings
