"""A real Prometheus on a free port of the loopback, filled over remote write: that way it gets stale markers too."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fog_aggregator.components.outgoing.compression import compressed
from fog_aggregator.outgoing.formats import SNAPPY
from fog_aggregator.outgoing.remote_write import eights, label_bytes
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Floats, Ints
from fog_testing.ports import free_port
from utilityfog_frontend.telemetry.exposition import wire

BINARY: Final = shutil.which("prometheus")
WHY_NOT: Final = "prometheus is not installed: it comes with Debian's package of that name"
_DEADLINE: Final = 30.0
_ATTEMPTS: Final = 5
_SCRAPES_NOTHING: Final = "global: {evaluation_interval: 1m}\n"


class Prometheus:
    """Asks one server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def write(self, series: Mapping[Labels, tuple[Ints, Floats]]) -> None:
        """Send samples. One request is one transaction; later ones must not be older by an hour."""
        body = b"".join(wire.block(1, _series(labels, *samples)) for labels, samples in series.items())
        request = urllib.request.Request(f"{self.url}/api/v1/write", data=compressed(body, SNAPPY), method="POST")
        request.add_header("Content-Encoding", "snappy")
        request.add_header("Content-Type", "application/x-protobuf")
        with urllib.request.urlopen(request, timeout=_DEADLINE):
            pass

    def ask(self, path: str, **parameters: str) -> dict[str, Any]:
        """POST a form; the decoded answer, an error too."""
        return dict(json.loads(self.ask_bytes(path, **parameters)))

    def ask_bytes(self, path: str, **parameters: str) -> bytes:
        """POST a form; the answer as it is."""
        data = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", data=data, timeout=120) as answer:
                body: bytes = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        return body


@contextmanager
def running_prometheus(folder: Path, config: str = _SCRAPES_NOTHING) -> Iterator[Prometheus]:
    """Run a Prometheus; without a configuration one that scrapes nothing."""
    assert BINARY is not None, WHY_NOT
    for _ in range(_ATTEMPTS):
        process, server, log = _start(folder, config)
        try:
            if _is_ready(process, server):
                yield server
                return
        finally:
            process.terminate()
            process.wait(timeout=_DEADLINE)
    raise AssertionError(f"prometheus did not start:\n{log.read_text()[-2000:]}")


def _start(folder: Path, text: str) -> tuple[subprocess.Popen[bytes], Prometheus, Path]:
    config, log = folder / "prometheus.yml", folder / "prometheus.log"
    config.write_text(text)
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        str(BINARY),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
        "--web.enable-remote-write-receiver",
        "--query.max-samples=200000000",
        "--log.level=warn",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT)
    return process, Prometheus(f"http://{address}"), log


def _is_ready(process: subprocess.Popen[bytes], server: Prometheus) -> bool:
    """Wait until it answers; False when it ended, as it does when somebody else took the port."""
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/-/ready", timeout=5):
                return True
        except OSError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    return False


def _series(labels: Labels, times: Ints, values: Floats) -> bytes:
    value = wire.key(1, wire.FIXED64)
    samples = [
        wire.block(2, value + bits + wire.integer(2, moment))
        for moment, bits in zip(times.tolist(), eights(values), strict=True)
    ]
    return label_bytes(labels) + b"".join(samples)
