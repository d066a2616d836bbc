"""Host metrics: what is parsed from what the system says, how it is recorded, and that no source hurts another."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from fog_agent.sources.host import HostMetrics, Source, metrics, parse
from fog_agent.sources.host.metrics import Sample
from fog_agent.sources.host.recorder import Families, Recorder
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.model import MetricType

BYTES = metrics.counter("bytes_total", "bytes", "device")
LOAD = metrics.gauge("load", "load", rollup=metrics.AVERAGE)


class fields:  # noqa: N801 - reads like the named tuples it stands for
    """Stands for a named tuple of psutil's."""

    def __init__(self, **values: float) -> None:
        self._values = values

    def _asdict(self) -> dict[str, Any]:
        return self._values


def named(samples: Any) -> dict[str, Any]:
    """Collect samples by name and label values, without the items that were left out."""
    kept = (sample for sample in samples if not isinstance(sample, metrics.LeftOut))
    return {" ".join((metric.name, *labels)): value for metric, labels, value in kept}


def exposed(collector: TelemetryCollector) -> dict[str, float]:
    """Sample lines of a collector, without its own metrics."""
    lines = collector.export_to_prometheus().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith(("#", "telemetry_", "fog_")))
    return {name: float(value) for name, value in pairs}


def test_cpu() -> None:
    """Each CPU and mode; guests under their own name; a platform that has fewer modes has fewer series."""
    linux = fields(user=1.5, nice=0.0, system=2.0, idle=90.0, guest=0.25, guest_nice=0.0)
    assert named(parse.cpu([linux, fields(user=1.0, idle=2.0)])) == {
        "node_cpu_seconds_total 0 user": 1.5,
        "node_cpu_seconds_total 0 nice": 0.0,
        "node_cpu_seconds_total 0 system": 2.0,
        "node_cpu_seconds_total 0 idle": 90.0,
        "node_cpu_guest_seconds_total 0 user": 0.25,
        "node_cpu_guest_seconds_total 0 nice": 0.0,
        "node_cpu_seconds_total 1 user": 1.0,
        "node_cpu_seconds_total 1 idle": 2.0,
    }


def test_memory() -> None:
    """node_exporter's names; percentages, which do not add up over machines, are left out."""
    both = (fields(total=8, available=4, percent=50.0, cached=1), fields(total=2, free=1, sin=7))
    assert named(parse.memory(both)) == {
        "node_memory_MemTotal_bytes": 8,
        "node_memory_MemAvailable_bytes": 4,
        "node_memory_Cached_bytes": 1,
        "node_memory_SwapTotal_bytes": 2,
        "node_memory_SwapFree_bytes": 1,
    }


@pytest.mark.parametrize("device", ["loop0", "ram1", "zram0", "sda1", "vdb12", "nvme0n1p2", "fd0"])
def test_disks_that_are_none(device: str) -> None:
    """Partitions would count every byte twice; devices in memory are no disks."""
    assert named(parse.disk({device: fields(read_bytes=1)})) == {}


@pytest.mark.parametrize("device", ["sda", "vda", "nvme0n1", "dm-0", "md0", "sdaa"])
def test_disks(device: str) -> None:
    """Times are seconds, from psutil's milliseconds."""
    assert named(parse.disk({device: fields(read_count=2, read_bytes=3, busy_time=1500)})) == {
        f"node_disk_reads_completed_total {device}": 2,
        f"node_disk_read_bytes_total {device}": 3,
        f"node_disk_io_time_seconds_total {device}": 1.5,
    }


def test_network() -> None:
    """Transfers and state of each interface; a speed that nobody knows is left out, a known one is in bytes."""
    transfers = {"eth0": fields(bytes_recv=1, bytes_sent=2, dropin=3)}
    states = {
        "eth0": SimpleNamespace(isup=True, speed=1000, mtu=1500),
        "lo": SimpleNamespace(isup=False, speed=0, mtu=65536),
    }
    assert named(parse.network((transfers, states))) == {
        "node_network_receive_bytes_total eth0": 1,
        "node_network_transmit_bytes_total eth0": 2,
        "node_network_receive_drop_total eth0": 3,
        "node_network_up eth0": 1,
        "node_network_mtu_bytes eth0": 1500,
        "node_network_speed_bytes eth0": 125_000_000,
        "node_network_up lo": 0,
        "node_network_mtu_bytes lo": 65536,
    }


@pytest.mark.parametrize(
    ("fstype", "mountpoint", "reported"),
    [
        ("ext4", "/", True),
        ("tmpfs", "/run", True),
        ("xfs", "/device", True),
        ("ext4", "/var/lib/docker/overlay2/x", False),
        ("tmpfs", "/dev/shm", False),
        ("ext4", "/sys", False),
        ("overlay", "/", False),
        ("proc", "/proc", False),
    ],
)
def test_which_filesystems(fstype: str, mountpoint: str, reported: bool) -> None:  # noqa: FBT001 - a table of cases
    """node_exporter's choice."""
    assert parse.is_reported(parse.Mount("d", fstype, mountpoint)) is reported


def test_filesystem_that_cannot_be_read() -> None:
    """It says so, and the others are as they were."""
    broken, fine = parse.Mount("a", "nfs", "/a"), parse.Mount("b", "ext4", "/b")
    seen = named(parse.filesystem([parse.MountState(broken, None), parse.MountState(fine, os.statvfs("/"))]))
    assert seen["node_filesystem_device_error a nfs /a"] == 1
    assert seen["node_filesystem_device_error b ext4 /b"] == 0
    assert seen["node_filesystem_size_bytes b ext4 /b"] > 0
    assert "node_filesystem_size_bytes a nfs /a" not in seen


def test_proc_stat() -> None:
    """Three of its lines."""
    text = "cpu  1 2 3\nintr 5 0 0\nprocesses 7\nprocs_running 2\nprocs_blocked 0\n"
    assert named(parse.proc_stat(text)) == {
        "node_forks_total": 7,
        "node_procs_running": 2,
        "node_procs_blocked": 0,
    }


def recorder() -> tuple[Recorder, TelemetryCollector]:
    """Return a recorder and the collector it fills."""
    collector = TelemetryCollector()
    return Recorder(Families(collector)), collector


def test_counters_count_from_the_first_reading() -> None:
    """The total since boot is the baseline: another run of the agent must not count it again."""
    record, collector = recorder()
    for total, counted in ((1000, 0), (1010, 10), (1010, 10), (1025, 25)):
        record.record([(BYTES, ("sda",), total)])
        assert exposed(collector)['bytes_total{device="sda"}'] == counted


def test_a_counter_that_falls_began_anew() -> None:
    """A driver was loaded anew: all that it has counted since is new. It is another series, and the fleet adds both."""
    record, collector = recorder()
    watch = collector.watch_series()
    for total, counted in ((1000, 0), (1010, 10), (5, 5), (7, 7)):
        record.record([(BYTES, ("sda",), total)])
        assert exposed(collector)['bytes_total{device="sda"}'] == counted
    assert [one.read() for one in watch.take_ended() if one.family.name == "bytes_total"] == [10]


def test_what_vanishes_is_removed() -> None:
    """A device that is gone leaves the exposition; when it comes back, it goes on, or began anew when it is lower."""
    record, collector = recorder()
    sda: Sample = (BYTES, ("sda",), 5)
    sdb: Sample = (BYTES, ("sdb",), 5)
    record.record([sda, sdb, (LOAD, (), 0.5)])
    assert exposed(collector)['bytes_total{device="sdb"}'] == 0
    record.record([sda])
    assert set(exposed(collector)) == {'bytes_total{device="sda"}', "load"}
    record.record([sda, (BYTES, ("sdb",), 7)])
    assert exposed(collector)['bytes_total{device="sdb"}'] == 2
    record.record([sda, (BYTES, ("sdb",), 4)])
    assert exposed(collector)['bytes_total{device="sdb"}'] == 4


def test_one_broken_source_is_counted_and_the_others_go_on() -> None:
    """Also when it breaks in the middle of its samples; each is timed."""
    collector = TelemetryCollector()
    ticks = iter(range(100))

    def fail(_: object) -> Any:
        yield LOAD, (), 1.0
        raise OSError("gone")

    sources: list[Source[Any]] = [
        Source("broken", lambda: None, fail),
        Source("fine", lambda: 3, lambda n: [(BYTES, ("x",), n)]),
    ]
    host = HostMetrics(collector, sources, timer=lambda: float(next(ticks)))
    host.collect()
    host.collect()
    shown = collector.export_to_prometheus()
    assert 'fog_agent_source_errors_total{source="broken"} 2' in shown
    assert 'fog_agent_source_errors_total{source="fine"} 0' in shown
    assert 'fog_agent_source_duration_seconds{source="fine"} 1' in shown
    assert 'bytes_total{device="x"} 0' in shown


def test_this_machine() -> None:
    """Every source of this platform works here, and every gauge says how a tree merges it."""
    collector = TelemetryCollector()
    host = HostMetrics(collector)
    host.collect()
    host.collect()
    families = {snapshot.family.name: snapshot for snapshot in collector.collect()}
    errors = families["fog_agent_source_errors_total"]
    assert {dict(series.labels)["source"]: series.value for series in errors.series if series.value} == {}
    for name in ("node_cpu_seconds_total", "node_load1", "node_time_seconds", "node_uname_info"):
        assert families[name].series
    assert families["node_memory_MemTotal_bytes"].series[0].value == psutil.virtual_memory().total
    own = [snapshot.family for name, snapshot in families.items() if name.startswith("node_")]
    assert [family.name for family in own if family.type is MetricType.GAUGE and not family.rollup] == []


def test_without_psutil_it_says_what_to_install() -> None:
    """A light install imports it and reads the extra's name."""
    code = "import sys; sys.modules['psutil'] = None; import fog_agent.sources.host"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("host metrics need psutil: pip install 'utilityfog-telemetry[host]'")
