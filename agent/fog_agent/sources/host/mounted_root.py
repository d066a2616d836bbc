"""The machine as a container sees it that has the machine's root mounted, as at /host.

A container has interfaces and mounts of its own. The machine's are found below its root: the interfaces of its first
process in /proc and /sys, and its mounts in the container's own table, each below the place of the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fog_agent.sources.host import metrics, parse
from fog_agent.sources.host.interfaces import State
from fog_agent.sources.host.metrics import LeftOut, Samples
from fog_agent.sources.host.parse import Mount, MountState, Transfers


def mounts_below(root: str, mounts: Iterable[Mount]) -> Iterator[Mount]:
    """List the machine's mounts, under the names that they have there."""
    for mount in mounts:
        if mount.mountpoint == root:
            yield mount._replace(mountpoint="/")
        elif mount.mountpoint.startswith(f"{root}/"):
            yield mount._replace(mountpoint=mount.mountpoint.removeprefix(root))


def filesystem(mounts: Iterable[MountState]) -> Samples:
    """Parse what each mount answered, but for the root's flag of being read-only: it is that of the container."""
    for sample in parse.filesystem(mounts):
        if isinstance(sample, LeftOut) or (sample[0], sample[1][-1]) != (metrics.FILESYSTEM_READONLY, "/"):
            yield sample


def network(root: str) -> tuple[dict[str, Transfers], dict[str, State | None]]:
    """Read what each of the machine's interfaces transferred, and its state."""
    transfers = parse.net_dev(Path(f"{root}/proc/1/net/dev").read_text("utf-8", "surrogateescape"))
    return transfers, {name: _state(Path(f"{root}/sys/class/net/{name}")) for name in transfers}


def _state(folder: Path) -> State | None:
    try:
        mtu = int((folder / "mtu").read_text("ascii"))
    except OSError:
        return None
    return State(_number(folder / "carrier") == 1, mtu, max(_number(folder / "speed"), 0))


def _number(file: Path) -> int:
    """Read a number that an interface which is down has not."""
    try:
        return int(file.read_text("ascii"))
    except OSError:
        return 0
