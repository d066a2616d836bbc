"""A program whose clock is what a test says: its CLOCK_REALTIME is ahead of the machine's, or behind.

The machine's clock stays as it is, and so does every other program's. The program's monotonic clock is the machine's,
as it is when somebody sets the clock of a real machine. `clock_launcher` says how it is done, and where it can be.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from fog_testing import clock_launcher

_SECOND: Final = 1e9
_TRIED: Final = 1e6
"""Seconds by which a clock is set to see whether it can be."""
_TELL: Final = "import time; print(time.time() - float(__import__('sys').argv[1]))"


class ProgramClock:
    """The clock of programs that are started with `command` before their own words. Any thread may set it.

    Args:
        file: Where it is kept; made anew, the programs' clock is the machine's then.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(clock_launcher.OFFSET.pack(0))

    @property
    def command(self) -> list[str]:
        """The words before the program's: the process becomes the program."""
        return [sys.executable, "-I", "-S", clock_launcher.__file__, str(self._file)]

    @property
    def ahead(self) -> float:
        """By how many seconds the programs' clock is ahead of the machine's; negative when it is behind."""
        offset: int = clock_launcher.OFFSET.unpack(self._file.read_bytes())[0]
        return offset / _SECOND

    def set_ahead(self, seconds: float) -> None:
        """Set it: each question of a program is answered so from now on, also of one that is started later."""
        with self._file.open("r+b") as file:
            file.write(clock_launcher.OFFSET.pack(round(seconds * _SECOND)))


@functools.cache
def why_no_clock() -> str:
    """Say why a program's clock cannot be set here; empty where it can. Tries it once, in some 0.1 s."""
    with tempfile.TemporaryDirectory(prefix="fog-clock-") as directory:
        clock = ProgramClock(Path(directory) / "clock")
        clock.set_ahead(_TRIED)
        command = [*clock.command, sys.executable, "-I", "-S", "-c", _TELL, str(time.time())]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except subprocess.TimeoutExpired:
            return "a program whose clock is set did not end in 10 s"
    if done.returncode:
        return done.stderr.strip().rpartition("\n")[2] or f"its launcher ended with code {done.returncode}"
    return "" if float(done.stdout) >= _TRIED else "the program has the machine's clock all the same"
