"""`fog` as a real process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.warm import Popen

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("FOG_", "NATS_"))}
_STATE = tempfile.TemporaryDirectory(prefix="fog-tests-state-")
ENVIRON["XDG_STATE_HOME"] = _STATE.name  # out of the home of whoever runs the tests
ENVIRON["FOG_KERNELS"] = "numpy"  # as tests/conftest.py says; where a disk is read-only numba would compile anew


@contextmanager
def fog(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Provide a `fog` command that runs; killed when the test is done with it."""
    process = Popen(
        [sys.executable, "-m", "fog_cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRON | environ,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Return a `fog` command from beginning to end."""
    with fog(*arguments, **environ) as process:
        output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def children_of(pid: int) -> list[int]:
    """Return the processes that one started, by the kernel's list."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            parents[int(entry.name)] = int(fields[1])
    return [child for child, parent in parents.items() if parent == pid]


def command_of(pid: int) -> bytes:
    """Return the words of a process, each between zero bytes."""
    return b"\0" + Path(f"/proc/{pid}/cmdline").read_bytes()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and whose parent has not heard does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
