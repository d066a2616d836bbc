"""Metrics of a host, by node_exporter's names, and how each gauge is merged along the tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from utilityfog_frontend.telemetry.model import MetricType


@dataclass(frozen=True, slots=True)
class Metric:
    """A family before it is registered. A gauge says by `rollup` what a subtree's value is, the headline first."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    rollup: tuple[str, ...] = ()


Sample: TypeAlias = tuple[Metric, tuple[str, ...], int | float]
"""A metric, its label values, and the value as the operating system gives it: for a counter, the total since boot."""


class LeftOut(NamedTuple):
    """An item of a source that could not be read: counted by its reason, and the others are read."""

    item: str
    reason: str


GONE: Final = "gone"
LATE: Final = "late"
INVALID: Final = "invalid"
REASONS: Final = (GONE, LATE, INVALID)
"""It is no longer there or refuses; it has not answered; its value is none that a metric can have."""

Samples: TypeAlias = Iterable[Sample | LeftOut]


def counter(name: str, help_text: str, *labels: str) -> Metric:
    """Define a counter whose total the operating system gives."""
    return Metric(name, MetricType.COUNTER, help_text, labels)


def gauge(name: str, help_text: str, *labels: str, rollup: tuple[str, ...]) -> Metric:
    """Return a gauge."""
    return Metric(name, MetricType.GAUGE, help_text, labels, rollup)


SUM: Final = ("sum", "min", "max")
"""Rollup of gauges that add up over machines: bytes, processes."""
AVERAGE: Final = ("avg", "max")
"""Rollup of gauges that do not, and are judged by their mean and their worst: load."""
LARGEST: Final = ("max", "min")
SMALLEST: Final = ("min", "max")

CPU: Final = counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "cpu", "mode")
CPU_GUEST: Final = counter(
    "node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", "cpu", "mode"
)

MEMORY: Final = {
    field: gauge(f"node_memory_{name}_bytes", f"Memory information field {name}_bytes.", rollup=SUM)
    for field, name in {
        "total": "MemTotal",
        "free": "MemFree",
        "available": "MemAvailable",
        "buffers": "Buffers",
        "cached": "Cached",  # psutil counts SReclaimable in, as free(1) does
        "active": "Active",
        "inactive": "Inactive",
        "shared": "Shmem",
        "slab": "Slab",
    }.items()
}
SWAP: Final = {
    field: gauge(f"node_memory_{name}_bytes", f"Memory information field {name}_bytes.", rollup=SUM)
    for field, name in {"total": "SwapTotal", "free": "SwapFree"}.items()
}

LOAD: Final = tuple(gauge(f"node_load{m}", f"{m}m load average.", rollup=AVERAGE) for m in (1, 5, 15))

DISK: Final = {
    field: (counter(f"node_disk_{name}_total", text, "device"), parts)
    for field, name, text, parts in (
        ("read_count", "reads_completed", "The total number of reads completed successfully.", 1),
        ("write_count", "writes_completed", "The total number of writes completed successfully.", 1),
        ("read_bytes", "read_bytes", "The total number of bytes read successfully.", 1),
        ("write_bytes", "written_bytes", "The total number of bytes written successfully.", 1),
        ("read_merged_count", "reads_merged", "The total number of reads merged.", 1),
        ("write_merged_count", "writes_merged", "The number of writes merged.", 1),
        ("read_time", "read_time_seconds", "The total number of seconds spent by all reads.", 1000),
        ("write_time", "write_time_seconds", "The total number of seconds spent by all writes.", 1000),
        ("busy_time", "io_time_seconds", "Total seconds spent doing I/Os.", 1000),
    )
}

NETWORK: Final = {
    field: counter(f"node_network_{name}_total", f"Network device statistic {name}.", "device")
    for field, name in {
        "bytes_recv": "receive_bytes",
        "packets_recv": "receive_packets",
        "errin": "receive_errs",
        "dropin": "receive_drop",
        "bytes_sent": "transmit_bytes",
        "packets_sent": "transmit_packets",
        "errout": "transmit_errs",
        "dropout": "transmit_drop",
    }.items()
}
NETWORK_UP: Final = gauge("node_network_up", "Value is 1 if the interface is up, 0 otherwise.", "device", rollup=SUM)
NETWORK_MTU: Final = gauge("node_network_mtu_bytes", "MTU of the interface.", "device", rollup=SMALLEST)
NETWORK_SPEED: Final = gauge("node_network_speed_bytes", "Speed of the interface, where known.", "device", rollup=SUM)

_MOUNT: Final = ("device", "fstype", "mountpoint")
FILESYSTEM_SIZE: Final = gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", *_MOUNT, rollup=SUM)
FILESYSTEM_FREE: Final = gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", *_MOUNT, rollup=SUM)
FILESYSTEM_AVAIL: Final = gauge(
    "node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", *_MOUNT, rollup=SUM
)
FILESYSTEM_FILES: Final = gauge("node_filesystem_files", "Filesystem total file nodes.", *_MOUNT, rollup=SUM)
FILESYSTEM_FILES_FREE: Final = gauge(
    "node_filesystem_files_free", "Filesystem total free file nodes.", *_MOUNT, rollup=SUM
)
FILESYSTEM_READONLY: Final = gauge(
    "node_filesystem_readonly", "Filesystem read-only status.", *_MOUNT, rollup=("sum", "max")
)
FILESYSTEM_ERROR: Final = gauge(
    "node_filesystem_device_error",
    "Whether an error occurred while reading the device.",
    *_MOUNT,
    rollup=("sum", "max"),
)

CONTEXT_SWITCHES: Final = counter("node_context_switches_total", "Total number of context switches.")
INTERRUPTS: Final = counter("node_intr_total", "Total number of interrupts serviced.")
FORKS: Final = counter("node_forks_total", "Total number of forks.")
RUNNING: Final = gauge("node_procs_running", "Number of processes in runnable state.", rollup=SUM)
BLOCKED: Final = gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.", rollup=SUM)
PIDS: Final = gauge("node_processes_pids", "Number of PIDs.", rollup=SUM)

BOOT_TIME: Final = gauge("node_boot_time_seconds", "Node boot time, in unixtime.", rollup=SMALLEST)
TIME: Final = gauge("node_time_seconds", "System time in seconds since epoch (1970).", rollup=LARGEST)
UNAME: Final = gauge(
    "node_uname_info",
    "Labeled system information as provided by the uname system call.",
    "domainname",
    "machine",
    "nodename",
    "release",
    "sysname",
    "version",
    rollup=("sum",),
)
