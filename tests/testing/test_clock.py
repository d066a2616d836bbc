"""A program whose clock is set has another time of day, and nothing else has."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fog_testing.clock import ProgramClock, why_no_clock
from fog_testing.nats_server import NatsServer, NatsServerError

YEAR = 365 * 86_400.0
TELL = """
import json, sys, threading, time
told = []
def tell():
    told.append((time.time(), time.monotonic()))
for line in sys.stdin:
    thread = threading.Thread(target=tell)
    thread.start()
    thread.join()
    print(json.dumps(told[-1]), flush=True)
"""

can_be_set = pytest.mark.skipif(bool(why_no_clock()), reason=f"no program's clock can be set here: {why_no_clock()}")


@can_be_set
def test_a_programs_clock_is_what_is_said(tmp_path: Path) -> None:
    """In each of its threads, at once, in both directions; its monotonic clock is the machine's."""
    clock = ProgramClock(tmp_path / "clock")
    command = [*clock.command, sys.executable, "-c", TELL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for ahead in (0.0, YEAR, -3600.0, 0.5):
            clock.set_ahead(ahead)
            assert clock.ahead == ahead
            before = time.time(), time.monotonic()
            print("tell", file=program.stdin, flush=True)
            wall, monotonic = json.loads(program.stdout.readline())
            after = time.time(), time.monotonic()
            assert before[0] + ahead <= wall <= after[0] + ahead
            assert before[1] <= monotonic <= after[1]
        program.stdin.close()
    assert program.returncode == 0


@can_be_set
def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """The words say so, and nothing is left behind that waits for it."""
    clock = ProgramClock(tmp_path / "clock")
    done = subprocess.run([*clock.command, "/no/such/program"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "clock_launcher: [Errno 2] No such file or directory\n"


def test_a_server_with_the_machines_clock(fog_nats: NatsServer) -> None:
    """Its clock cannot be set, and the message says how it could."""
    with pytest.raises(NatsServerError, match=r"NatsServer\(own_clock=True\)"):
        fog_nats.clock.set_ahead(1.0)
