"""One bad item of a host source: it alone is left out, and counted; a source that hangs holds up no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from typing import Any

import psutil
import pytest

from fog_agent.core.writer import Settings, Writer
from fog_agent.sources.host import HostMetrics, Source, metrics, parse
from fog_agent.sources.host.interfaces import states
from fog_agent.sources.host.metrics import LeftOut, Sample
from fog_agent.sources.host.mounts import Mounts
from fog_agent.sources.host.parse import Mount
from fog_testing.waiting import wait_until
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.exposition.text import generate_text

BYTES = metrics.counter("bytes_total", "B", "device")
SIZE = metrics.gauge("size_bytes", "S", "device", rollup=metrics.SUM)
LOAD = metrics.gauge("load", "L", rollup=metrics.AVERAGE)


def shown(collector: TelemetryCollector) -> list[str]:
    """Return the lines of the exposition."""
    return generate_text(collector.collect()).decode().splitlines()


def left_out(collector: TelemetryCollector) -> dict[tuple[str, str], float]:
    """Return what was left out, by source and reason."""
    prefix = "fog_agent_source_items_left_out_total"
    [family] = [one for one in collector.collect() if one.family.name == prefix]
    counts = {(dict(one.labels)["source"], dict(one.labels)["reason"]): one.value for one in family.series}
    return {key: value for key, value in counts.items() if value}  # type: ignore[misc]


def test_a_name_that_is_not_utf_8_becomes_printable() -> None:
    """As the kernel's bytes come out of Python; it counts up like any other, travels, and its siblings are there."""
    collector, total = TelemetryCollector(), 5

    def samples(_: object) -> list[Sample]:
        return [(BYTES, ("eth\udcff",), total), (BYTES, ("eth0",), total)]

    host = HostMetrics(collector, [Source("net", lambda: None, samples)])
    host.collect()
    assert 'bytes_total{device="eth?"} 0' in shown(collector)
    total = 8
    host.collect()
    assert {'bytes_total{device="eth?"} 3', 'bytes_total{device="eth0"} 3'} <= set(shown(collector))
    writer = Writer([collector.watch_series()], Settings(), epoch=1, now=0.0)
    assert b"eth?" in writer.encode_part(0.0, 2**20).data
    assert left_out(collector) == {}


def test_an_item_that_is_no_number_is_left_out_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Its last value stays, and its count goes on from there."""
    collector = TelemetryCollector()
    answers: list[Any] = [10, None, 14]

    def samples(value: Any) -> list[Sample]:
        return [(BYTES, ("a",), value), (BYTES, ("b",), 1), (LOAD, (), 0.5)]

    host = HostMetrics(collector, [Source("disk", lambda: answers.pop(0), samples)])
    for counted in (0, 0, 4):
        host.collect()
        assert f'bytes_total{{device="a"}} {counted}' in shown(collector)
    assert {'bytes_total{device="a"} 4', 'bytes_total{device="b"} 0', "load 0.5"} <= set(shown(collector))
    assert left_out(collector) == {("disk", "invalid"): 1}
    assert "source disk leaves" in caplog.text


def test_an_interface_that_is_gone_is_left_out_alone() -> None:
    """The state of each is asked by itself; the machine's own are as psutil says."""
    found = states(["lo", "gone0"])
    assert found["gone0"] is None
    known = psutil.net_if_stats()
    assert found["lo"] == (known["lo"].isup, known["lo"].mtu, known["lo"].speed)
    samples = list(parse.network(({}, found)))
    assert LeftOut("gone0", "gone") in samples
    assert (metrics.NETWORK_MTU, ("lo",), known["lo"].mtu) in samples


NAMESPACE = """
    ip link set lo down
    ip link set lo name "$(printf 'l\\377')" || exit 77
    ip link set "$(printf 'l\\377')" up
    exec "$0" -c "$1"
"""

PROGRAM = """
    from fog_agent.sources.host import HostMetrics
    from utilityfog_frontend.telemetry import TelemetryCollector
    collector = TelemetryCollector()
    host = HostMetrics(collector)
    host.collect()
    print(collector.export_to_prometheus())
"""


@pytest.mark.skipif(not (shutil.which("unshare") and shutil.which("ip")), reason="needs unshare and ip")
def test_a_real_interface_whose_name_is_not_utf_8() -> None:
    """In a network namespace of its own; psutil fails there for all interfaces."""
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", textwrap.dedent(NAMESPACE), sys.executable, textwrap.dedent(PROGRAM)],  # noqa: S607
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode in (1, 77):
        pytest.skip(f"no namespace with such an interface: {done.stderr!r}")
    lines = done.stdout.decode().splitlines()
    assert 'node_network_up{device="l?"} 1' in lines
    assert 'fog_agent_source_errors_total{source="network"} 0' in lines


def test_a_mount_that_vanished_is_left_out_alone() -> None:
    """It says that it cannot be read, as node_exporter does."""
    [gone, root] = Mounts().ask([Mount("a", "ext4", "/no/such/mount"), Mount("b", "ext4", "/")])
    assert (gone.stat, gone.late) == (None, False)
    assert root.stat is not None
    assert LeftOut("/no/such/mount", "gone") in list(parse.filesystem([gone, root]))


def test_a_mount_that_nobody_answers_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once, however often the source is read, and read again once it has answered."""
    release, asked = threading.Event(), []
    statvfs = os.statvfs

    def hang(path: str) -> os.statvfs_result:
        if path == "/stuck":
            asked.append(path)
            release.wait()
            return statvfs("/")
        return statvfs(path)

    monkeypatch.setattr("fog_agent.sources.host.mounts.PATIENCE", 0.1)
    monkeypatch.setattr(os, "statvfs", hang)
    mounts = Mounts()
    both = [Mount("a", "nfs", "/stuck"), Mount("b", "ext4", "/")]
    for _ in range(3):
        [stuck, root] = mounts.ask(both)
        assert (stuck.stat, stuck.late) == (None, True)
        assert root.stat is not None
    assert asked == ["/stuck"]
    assert LeftOut("/stuck", "late") in list(parse.filesystem([stuck, root]))
    release.set()
    while mounts.ask(both)[0].late:
        pass
    assert mounts.ask(both)[0].stat is not None


def test_a_source_that_hangs_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """The others are read at each run; after three intervals its gauges are out, and its count stays."""
    now, release = 0.0, threading.Event()
    release.set()
    collector = TelemetryCollector(collection_interval=1.0)
    reads = 0

    def stuck(_: object) -> list[Sample]:
        return [(SIZE, ("nfs",), 7), (BYTES, ("nfs",), 10), (LOAD, (), 1.0)]

    def count(_: object) -> list[Sample]:
        nonlocal reads
        reads += 1
        return [(SIZE, ("disk",), reads)]

    sources: list[Source[Any]] = [Source("stuck", release.wait, stuck), Source("fine", lambda: None, count)]
    host = HostMetrics(collector, sources)
    host._readings._monotonic = lambda: now  # noqa: SLF001
    host.collect()
    assert {'size_bytes{device="nfs"} 7', 'size_bytes{device="disk"} 1', "load 1"} <= set(shown(collector))
    release.clear()
    for _ in range(4):
        host.collect()
        now += 1.0
    assert {'size_bytes{device="disk"} 5', 'bytes_total{device="nfs"} 0', "load NaN"} <= set(shown(collector))
    assert not any(line.startswith('size_bytes{device="nfs"}') for line in shown(collector))
    assert 'fog_agent_source_errors_total{source="stuck"} 3' in shown(collector)
    assert caplog.text.count("stuck has not answered") == 1
    release.set()

    def back() -> bool:  # its old call answers when its thread has its turn; nobody waits for that one any more
        host.collect()
        return {'size_bytes{device="nfs"} 7', "load 1"} <= set(shown(collector))

    wait_until(back)
