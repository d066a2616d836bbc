"""A directory of text files: a thread reads those that changed, each fails by itself."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.outside import OutsideTotals
from fog_agent.sources.ports import Context
from fog_agent.sources.rounds import Rounds
from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.page import PageReader
from fog_agent.sources.textfile.settings import Settings
from utilityfog_frontend.telemetry.kinds import MetricType
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, Labels, SeriesSnapshot

HANGS: Final = 10.0
"""Seconds after which a reading hangs."""
REASONS: Final = ("file", "files")
MTIME: Final = Family("node_textfile_mtime_seconds", MetricType.GAUGE, "When a file was changed last")
ERROR: Final = Family("node_textfile_scrape_error", MetricType.GAUGE, "Whether a file cannot be read: 1 or 0")


class TextFile:
    """One file: read whole when it changed, or refused whole. Not thread-safe.

    Attributes:
        families: Of its last good reading; only counts, when it cannot be read now.
        series: Names and labels of what is in them.
        mtime: Unix seconds of its last change.
        error: The reason for which it cannot be read; empty when it can.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.families: Sequence[FamilySnapshot] = ()
        self.series: set[tuple[str, Labels]] = set()
        self.mtime = 0.0
        self.error = ""
        self._path = path
        self._settings = settings
        self._reader = PageReader(Families(settings.labels), settings.most_series)
        self._state: tuple[int, int, int] | None = None

    def read(self, now: float, taken: Mapping[tuple[str, Labels], str]) -> bool:
        """Read it if it changed, or has what another file has already; tell whether it was read."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                about = os.fstat(descriptor)
                state = (about.st_mtime_ns, about.st_size, about.st_ino)
                if state == self._state and self.series.isdisjoint(taken):
                    return False
                self._state, self.mtime = state, about.st_mtime
                body = file.read(self._settings.most_bytes + 1) if stat.S_ISREG(about.st_mode) else None
                self._take(body, now, taken)
                self.error = ""
        except (OSError, ValueError) as error:
            self._state = None
            self.error = f"{self._path}: {error}"
            self._keep([one for one in self.families if one.family.type.incremental])
        return True

    def _keep(self, families: Sequence[FamilySnapshot]) -> None:
        self.families = families
        self.series = {(family.family.name, one.labels) for family in families for one in family.series}

    def _take(self, body: bytes | None, now: float, taken: Mapping[tuple[str, Labels], str]) -> None:
        if body is None:
            raise ValueError("it is no file")
        if len(body) > self._settings.most_bytes:
            raise ValueError(f"it is longer than {self._settings.most_bytes} bytes")
        page = self._reader.read(body, now)
        if page.refused:
            raise ValueError(next(iter(page.texts.values())))
        if page.stamped:
            raise ValueError("its samples have times of their own, which a file must not have")
        found = {(family.family.name, one.labels) for family in page.families for one in family.series}
        both = next(iter(found & taken.keys()), None)
        if both is not None:
            self.families, self.series = (), set()
            raise ValueError(f"its series {both[0]}{dict(both[1]) or ''} is in {taken[both]} already")
        self._keep(page.families)


class Directory:
    """The files of a directory. `start` and `stop` once each, from one thread; `collect` from any.

    Args:
        settings: Of the directory.
        metrics: Of all sources.
        outside: Gets the families of its files.
    """

    def __init__(self, settings: Settings, metrics: SourceMetrics, outside: OutsideTotals) -> None:
        self.name = settings.name
        self._settings = settings
        self._metrics = metrics
        self._outside = outside
        self._files: dict[str, TextFile] = {}
        self._families: Sequence[FamilySnapshot] = ()
        self._rounds = Rounds(f"fog-textfile-{self.name}", settings.interval, self.read, self._failed)
        metrics.expect(self.name, *REASONS)

    def start(self) -> None:
        """Begin to read; wait a little for the first reading."""
        self._outside.add(self.name, self.collect)
        self._rounds.start(self._outside.patience())

    def stop(self) -> None:
        """End. All that was read is in the collector."""
        self._rounds.stop()

    def look(self) -> None:
        """Read the files once."""
        self._outside.add(self.name, self.collect)
        try:
            self.read()
        except OSError as error:
            self._failed(error)

    def collect(self) -> Sequence[FamilySnapshot]:
        """Return what was read last; while the directory hangs, as one on a network may, only counts."""
        if self._rounds.under_way() <= HANGS:
            return self._families
        self._metrics.down(self.name, f"{self._settings.directory} has hung for more than {HANGS:g} s")
        return [one for one in self._families if one.family.type.incremental]

    def read(self) -> None:
        """Read the files that changed.

        Raises:
            OSError: The directory cannot be read.
        """
        begun = time.monotonic()
        names = sorted(one.name for one in self._settings.directory.iterdir() if one.name.endswith(".prom"))
        beyond = len(names) - self._settings.most_files
        if beyond > 0:
            self._metrics.refuse(self.name, "files", f"{beyond} files are beyond {self._settings.most_files}", beyond)
            names = names[: self._settings.most_files]
        self._files = {name: self._files.get(name) or self._file(name) for name in names}
        taken: dict[tuple[str, Labels], str] = {}
        for name, file in self._files.items():
            if file.read(time.time(), taken) and file.error:
                self._metrics.refuse(self.name, "file", file.error)
            taken.update(dict.fromkeys(file.series, name))
        self._families = [*self._about(), *(one for file in self._files.values() for one in file.families)]
        self._metrics.read(self.name, time.monotonic() - begun)
        self._metrics.up(self.name, up=True)

    def _file(self, name: str) -> TextFile:
        return TextFile(self._settings.directory / name, self._settings)

    def _about(self) -> list[FamilySnapshot]:
        mtimes, errors = [], []
        for name, file in self._files.items():
            labels = tuple(sorted({"file": name, **self._settings.labels}.items()))
            mtimes.append(SeriesSnapshot(labels, file.mtime))
            errors.append(SeriesSnapshot(labels, int(bool(file.error))))
        return [FamilySnapshot(MTIME, mtimes), FamilySnapshot(ERROR, errors)]

    def _failed(self, error: Exception) -> None:
        self._metrics.down(self.name, f"cannot be read: {error}")


def of_directory(settings: Settings, context: Context) -> Directory:
    """Make the source of a directory."""
    return Directory(settings, context.metrics, OutsideTotals.of(context.collector))
