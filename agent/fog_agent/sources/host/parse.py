"""From what the operating system said to samples. Pure: no file is read here, and psutil is not imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from fog_agent.sources.host import metrics
from fog_agent.sources.host.metrics import LeftOut, Samples

_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")

# node_exporter's defaults: what holds no data of its own is left out.
_IGNORED_DISKS: Final = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]+|nvme\d+n\d+p)\d+")
_IGNORED_MOUNTS: Final = re.compile(r"/(dev|proc|run/credentials/.+|sys|var/lib/(docker|containers/storage)/.+)($|/.*)")
_IGNORED_TYPES: Final = frozenset(
    {"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl"}
    | {"hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs"}
    | {"selinuxfs", "squashfs", "sysfs", "tracefs"}
)
_BITS_PER_BYTE: Final = 8
_MEGA: Final = 1_000_000


class Fields(Protocol):
    """A named tuple of psutil's: which fields it has depends on the platform."""

    def _asdict(self) -> dict[str, Any]: ...


class Mount(NamedTuple):
    """Where a filesystem is mounted."""

    device: str
    fstype: str
    mountpoint: str


class MountState(NamedTuple):
    """The answer of a mount: None where it failed, or has not answered (`late`)."""

    mount: Mount
    stat: os.statvfs_result | None
    late: bool = False


class Transfers(NamedTuple):
    """The counts of a network interface, by psutil's names."""

    bytes_recv: int
    packets_recv: int
    errin: int
    dropin: int
    bytes_sent: int
    packets_sent: int
    errout: int
    dropout: int


def cpu(times: Sequence[Fields]) -> Samples:
    """Give, for each CPU in `times`, its seconds in each mode."""
    for number, one in enumerate(times):
        fields = one._asdict()
        for mode in _MODES:
            if mode in fields:
                yield metrics.CPU, (str(number), mode), fields[mode]
        for mode, field in (("user", "guest"), ("nice", "guest_nice")):
            if field in fields:
                yield metrics.CPU_GUEST, (str(number), mode), fields[field]


def memory(both: tuple[Fields, Fields]) -> Samples:
    """`both`: memory, then swap."""
    for fields, known in zip(both, (metrics.MEMORY, metrics.SWAP), strict=True):
        for field, value in fields._asdict().items():
            if field in known:
                yield known[field], (), value


def load(averages: tuple[float, float, float]) -> Samples:
    """Yield the load averages over 1, 5 and 15 minutes."""
    for metric, value in zip(metrics.LOAD, averages, strict=True):
        yield metric, (), round(value, 2)  # as /proc/loadavg has them: decimals travel in few bytes


def disk(devices: Mapping[str, Fields]) -> Samples:
    """Transfers of each block device; partitions and devices in memory are left out, as node_exporter does."""
    for device, counters in devices.items():
        if _IGNORED_DISKS.fullmatch(device):
            continue
        for field, value in counters._asdict().items():
            if field in metrics.DISK:
                metric, parts = metrics.DISK[field]
                yield metric, (device,), value / parts if parts > 1 else value


def network(both: tuple[Mapping[str, Fields], Mapping[str, Any]]) -> Samples:
    """`both`: what each interface transferred, then its state, None where there was none to be had."""
    transfers, states = both
    for device, counters in transfers.items():
        for field, value in counters._asdict().items():
            if field in metrics.NETWORK:
                yield metrics.NETWORK[field], (device,), value
    for device, state in states.items():
        if state is None:
            yield LeftOut(device, metrics.GONE)
            continue
        yield metrics.NETWORK_UP, (device,), int(state.isup)
        yield metrics.NETWORK_MTU, (device,), state.mtu
        if state.speed:  # in megabits a second; 0 says that nobody knows
            yield metrics.NETWORK_SPEED, (device,), state.speed * _MEGA // _BITS_PER_BYTE


def net_dev(text: str) -> dict[str, Transfers]:
    """Of /proc/net/dev the counts of each interface: four of eight received, and four of eight sent."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.rpartition(":")
        counts = [int(word) for word in rest.split()]
        found[name.strip()] = Transfers(*counts[:4], *counts[8:12])
    return found


def is_reported(mount: Mount) -> bool:
    """Whether a mount is one of data, by node_exporter's defaults."""
    return mount.fstype not in _IGNORED_TYPES and not _IGNORED_MOUNTS.fullmatch(mount.mountpoint)


def filesystem(mounts: Iterable[MountState]) -> Samples:
    """Parse what each mount answered."""
    for mount, stat, late in mounts:
        yield metrics.FILESYSTEM_ERROR, mount, int(stat is None)
        if stat is None:
            yield LeftOut(mount.mountpoint, metrics.LATE if late else metrics.GONE)
            continue
        yield metrics.FILESYSTEM_SIZE, mount, stat.f_blocks * stat.f_frsize
        yield metrics.FILESYSTEM_FREE, mount, stat.f_bfree * stat.f_frsize
        yield metrics.FILESYSTEM_AVAIL, mount, stat.f_bavail * stat.f_frsize
        yield metrics.FILESYSTEM_FILES, mount, stat.f_files
        yield metrics.FILESYSTEM_FILES_FREE, mount, stat.f_ffree
        yield metrics.FILESYSTEM_READONLY, mount, int(bool(stat.f_flag & os.ST_RDONLY))


def processes(both: tuple[Any, int]) -> Samples:
    """`both`: the CPUs' statistics, then how many processes there are."""
    stats, pids = both
    yield metrics.CONTEXT_SWITCHES, (), stats.ctx_switches
    yield metrics.INTERRUPTS, (), stats.interrupts
    yield metrics.PIDS, (), pids


def proc_stat(text: str) -> Samples:
    """Of /proc/stat what psutil does not tell."""
    known = {"processes": metrics.FORKS, "procs_running": metrics.RUNNING, "procs_blocked": metrics.BLOCKED}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in known:
            yield known[name], (), int(value)


def times(both: tuple[float, float]) -> Samples:
    """`both`: when the machine booted, and now, in unix seconds."""
    boot, now = both
    yield metrics.BOOT_TIME, (), boot
    yield metrics.TIME, (), round(now, 3)


def uname(both: tuple[os.uname_result, str]) -> Samples:
    """`both`: what uname says, then the NIS domain name."""
    system, domain = both
    yield metrics.UNAME, (domain, system.machine, system.nodename, system.release, system.sysname, system.version), 1
