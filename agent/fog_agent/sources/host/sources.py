"""Where a host's metrics come from: each source reads (psutil, /proc, the system calls) and has a pure parser."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from fog_agent.sources.host import parse
from fog_agent.sources.host.metrics import Samples
from fog_agent.sources.host.parse import Mount, MountState

try:
    import psutil
except ModuleNotFoundError:
    message = "host metrics need psutil: pip install 'utilityfog-telemetry[host]'"
    raise ModuleNotFoundError(message, name="psutil") from None

from fog_agent.sources.host import mounted_root
from fog_agent.sources.host.interfaces import State, states
from fog_agent.sources.host.mounts import Mounts

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Source(Generic[R]):
    """One source: `read` asks the operating system, `parse` makes samples of the answer."""

    name: str
    read: Callable[[], R]
    parse: Callable[[R], Samples]

    def samples(self) -> Samples:
        """Read and parse. Raises whatever reading raises."""
        return self.parse(self.read())


def _filesystems(mounts: Mounts, root: str) -> list[MountState]:
    partitions = psutil.disk_partitions(all=True)
    ours = (Mount(partition.device, partition.fstype, partition.mountpoint) for partition in partitions)
    found = mounted_root.mounts_below(root, ours) if root else ours
    return mounts.ask(mount for mount in found if parse.is_reported(mount))


def _network() -> tuple[dict[str, Any], dict[str, State | None]]:
    transfers = psutil.net_io_counters(pernic=True)
    return transfers, states(transfers)


def _domain_name() -> str:
    try:
        return Path("/proc/sys/kernel/domainname").read_text(encoding="utf-8").strip()
    except OSError:
        return "(none)"


def default_sources(host_root: str = "") -> tuple[Source[Any], ...]:
    """Return every source that this platform has.

    Args:
        host_root: Where the machine's root is mounted, as in /host, for an agent in a container. From then on psutil
            reads the machine's /proc in the whole process.
    """
    root = host_root.rstrip("/")
    if root:
        psutil.PROCFS_PATH = f"{root}/proc"
    network = partial(mounted_root.network, root) if root else _network
    filesystem = mounted_root.filesystem if root else parse.filesystem
    portable = (
        Source("cpu", lambda: psutil.cpu_times(percpu=True), parse.cpu),
        Source("memory", lambda: (psutil.virtual_memory(), psutil.swap_memory()), parse.memory),
        Source("load", psutil.getloadavg, parse.load),
        Source("disk", lambda: psutil.disk_io_counters(perdisk=True), parse.disk),
        Source("network", network, parse.network),
        Source("filesystem", partial(_filesystems, Mounts(root), root), filesystem),
        Source("processes", lambda: (psutil.cpu_stats(), len(psutil.pids())), parse.processes),
        Source("time", lambda: (psutil.boot_time(), time.time()), parse.times),
        Source("uname", lambda: (os.uname(), _domain_name()), parse.uname),
    )
    if not psutil.LINUX:
        return portable
    return (*portable, Source("stat", Path(f"{root}/proc/stat").read_text, parse.proc_stat))
