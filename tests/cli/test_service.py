"""A service's life in a real process: signals, the deadline, and what systemd hears."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from fog_cli.service import notify
from fog_testing.waiting import wait_until

PROLOGUE = """
import asyncio, logging, sys
from fog_cli.service import notify, run_service
async def serve(stop):
    notify("READY=1")
    print("ready", flush=True)
"""


def start(body: str, drain: float = 20.0, **environ: str) -> subprocess.Popen[str]:
    """Make a service that runs `body` once it is ready."""
    code = f"{PROLOGUE}{body}\nsys.exit(run_service(serve, drain={drain}))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_signal_lets_it_end() -> None:
    """SIGTERM, SIGINT and SIGHUP set the event, no more; what the service returns is the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process = start("    await stop.wait(); print('drained'); return 0")
        process.send_signal(number)
        out, err = process.communicate(timeout=40)
        assert (process.returncode, out, err) == (0, "drained\n", "")


def test_a_closed_terminal_may_be_ignored() -> None:
    """As by nohup."""
    code = f"{PROLOGUE}    import signal; return int(signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN)"
    words = ["nohup", sys.executable, "-c", f"{code}\nsys.exit(run_service(serve))"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=40)
    assert (done.returncode, done.stdout) == (0, "ready\n")


def test_the_second_ctrl_c_ends_it_at_once() -> None:
    """For the impatient."""
    process = start("    await stop.wait(); print('draining', flush=True); await asyncio.sleep(60); return 0")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "draining\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 1
    assert err == "fog: quit at once, as asked twice\n"


def test_the_second_ctrl_c_ends_a_loop_that_does_not_turn() -> None:
    """The event loop is not asked: it may be busy for ever."""
    process = start("    while True: pass")

    def ended() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    try:
        wait_until(ended, what="its end")
        _, err = process.communicate(timeout=40)
    finally:
        process.kill()
    assert process.returncode == 1
    assert err == "fog: quit at once, as asked twice\n"


def test_the_drain_has_a_deadline() -> None:
    """A service that does not end is cut off, which is an error; nothing is waited for at the process's end."""
    body = "    import atexit, time; atexit.register(time.sleep, 60)\n    await asyncio.sleep(60); return 0"
    process = start(body, drain=0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "did not end within 0.05 s" in err


def test_it_stops_when_its_parent_is_gone() -> None:
    """With `stop_on_eof` the end of standard input is a stop like any other."""
    code = f"{PROLOGUE}    await stop.wait(); return 0\nsys.exit(run_service(serve, stop_on_eof=True))"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=40) == 0
    process.stdout.close()


def test_systemd_is_told(tmp_path: Path) -> None:
    """READY from the service, WATCHDOG while the loop turns, STOPPING when asked to end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(40)
        process = start(
            "    await stop.wait(); return 0", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="20000"
        )
        heard = {manager.recv(100).decode() for _ in range(4)}
        assert heard == {"READY=1", "WATCHDOG=1"}
        process.send_signal(signal.SIGTERM)
        while (state := manager.recv(100).decode()) == "WATCHDOG=1":
            pass
        assert state == "STOPPING=1"
        process.communicate(timeout=40)


def test_no_service_manager_is_fine() -> None:
    """Without NOTIFY_SOCKET, or with a dead one, nothing happens."""
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "/nowhere/socket"})
