"""Find out how much memory there is: of the machine, of the cgroup, of the process's own limit."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fog_aggregator.core.budget.division import DEFAULT_SHARE

_PAGE: Final = resource.getpagesize()
_CGROUPS: Final = Path("/sys/fs/cgroup")


def default_memory() -> int:
    """Return what an aggregator takes when nobody says how much: a share of what there is."""
    return int(available_memory() * DEFAULT_SHARE)


def available_memory(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes that this process may have: the least of all limits above it.

    Args:
        cgroups: where the file systems of cgroups are.
        own: the file that names this process's cgroups.
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * _PAGE, *_cgroup_limits(cgroups, own)]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min(limits)


def resident_bytes() -> int:
    """Return the process's resident memory; where /proc is missing, the most that it ever was."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _cgroup_limits(cgroups: Path, own: Path) -> Iterator[int]:
    """Yield the limits of the process's cgroup and of all above it, in version 2 and in version 1."""
    with contextlib.suppress(OSError):
        for line in own.read_text("utf-8").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, where = rest.partition(":")
            if not controllers:
                yield from _limits_up(cgroups, where, "memory.max")
            elif "memory" in controllers.split(","):
                yield from _limits_up(cgroups / "memory", where, "memory.limit_in_bytes")


def _limits_up(root: Path, where: str, name: str) -> Iterator[int]:
    """Yield the limits in a folder and in those above it; in a container the names above it may not be there."""
    folder = root / where.lstrip("/")
    for above in (folder, *folder.parents):
        with contextlib.suppress(OSError, ValueError):  # not there, or `max`
            yield int((above / name).read_text("ascii"))
        if above == root:
            return
