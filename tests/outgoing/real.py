"""Receivers of others as programs, on free ports: Debian's Prometheus and VictoriaMetrics."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.cli.aggregators import free_address

Samples = dict[int, float]
"""Values of one series by their times in milliseconds."""

_CONFIG: Final = "global: {evaluation_interval: 1m}\n"


class Real:
    """One receiver that can be killed and started again with what it has stored.

    Attributes:
        url: Where it takes samples.
    """

    def __init__(self, binary: str, folder: Path, path: str, *arguments: str) -> None:
        self._address = free_address()
        self.url = f"http://{self._address}{path}"
        self._command = [binary, *(one.format(folder=folder, address=self._address) for one in arguments)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """Kill it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, path: str, **parameters: str) -> list[Any]:
        """Ask its HTTP API; return the JSON of each line, or nothing while it does not answer."""
        url = f"http://{self._address}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=40) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except (OSError, ValueError):
            return []

    def samples(self, selector: str) -> Samples:
        """Return the samples of the one series that a selector finds; none while it does not answer."""
        raise NotImplementedError


class Prometheus(Real):
    """Debian's Prometheus; more flags than `--web.enable-remote-write-receiver` may be given, and a configuration."""

    def __init__(self, folder: Path, flags: Sequence[str] = (), config: str = _CONFIG) -> None:
        (folder / "prometheus.yml").write_text(config)
        super().__init__(
            str(shutil.which("prometheus")),
            folder,
            "/api/v1/write",
            "--config.file={folder}/prometheus.yml",
            "--storage.tsdb.path={folder}/data",
            "--web.listen-address={address}",
            "--web.enable-remote-write-receiver",
            *flags,
        )

    def samples(self, selector: str) -> Samples:
        """Return the samples of one series."""
        answers = self.ask("/api/v1/query", query=f"{selector}[1h]")
        found = [one for answer in answers for one in answer["data"]["result"]]
        return {round(at * 1000): float(value) for one in found for at, value in one["values"]}


class VictoriaMetrics(Real):
    """Debian's VictoriaMetrics."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            str(shutil.which("victoria-metrics")),
            folder,
            "/api/v1/write",
            "-storageDataPath={folder}/vm",
            "-httpListenAddr={address}",
            "-retentionPeriod=1",
            "-search.latencyOffset=1s",  # it hides the newest 30 s when it is asked for now
        )

    def samples(self, selector: str) -> Samples:
        """Return the samples of one series."""
        self.ask("/internal/force_flush")
        blocks = self.ask("/api/v1/export", **{"match[]": selector})
        return {at: value for one in blocks for at, value in zip(one["timestamps"], one["values"], strict=True)}


@contextlib.contextmanager
def running(one: Real) -> Iterator[Real]:
    """Run a receiver while the body does."""
    one.start()
    try:
        yield one
    finally:
        one.kill()
