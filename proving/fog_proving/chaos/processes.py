"""Child processes that can be killed, paused and spoken to, and that do not outlive their parent.

Each leads a process group in the parent's session: Ctrl-C reaches only the parent, and were the parent killed, the
end of its standard input stops a child that runs, and the kernel hangs up one that is paused (an orphaned group with
a stopped member gets SIGHUP and SIGCONT).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 30.0


def _is_passed_on(name: str) -> bool:
    """Whether a child has a variable of this process: of our own the choice of kernels alone."""
    return name == "FOG_KERNELS" or not name.startswith(("FOG_", "NATS_"))


class Child:
    """One run of ``python -m MODULE ARGUMENTS``; what it says on standard error is added to a log."""

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        self.condemned = False
        """Whether its end is our doing; any other end is a finding."""
        environ = {name: value for name, value in os.environ.items() if _is_passed_on(name)}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environ,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    @property
    def hung_up(self) -> bool:
        """Whether its standard input is closed, as `stop` and `kill` leave it."""
        return self._process.stdin is None or self._process.stdin.closed

    def why_ended(self) -> str:
        """Return the last words of a child that ended by itself."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        return f"ended with code {self._process.returncode}: {' | '.join(lines)}"

    def kill(self) -> None:
        """SIGKILL."""
        self.condemned = True
        self._process.kill()
        self._process.wait()
        self._hang_up()

    def pause(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def say(self, line: str) -> None:
        """Send a line to its standard input; it is lost on a process that is gone."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()

    async def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL for one that takes more than 30 s."""
        self.condemned = True
        self._process.terminate()
        self.resume()
        try:
            await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
