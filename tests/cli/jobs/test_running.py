"""`fog run`: the command is as if it were not wrapped, and how it went is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.cli.jobs.listening import Place, received
from tests.cli.pseudo_terminal import CTRL_C, fog_in_terminal

STARTED = 'gauge job_last_start_timestamp_seconds{job="j"} '
WAITS_FOR = "import signal, sys; print('ready', flush=True); print(signal.sigwait([signal.{0}]).name); sys.exit(7)"
BLOCKS = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{0}]); "


def without_values(lines: list[str]) -> list[str]:
    """Leave out the values of lines that say one."""
    return [line if line.startswith("event") else line.rpartition(" ")[0] for line in lines]


def test_a_good_run_is_told(place: Place) -> None:
    """Its start at once and by itself, then all the rest; streams are the command's."""
    with place.listening() as receiver:
        code, out, err = place.fog("run", "--name", "j", "--", "cat", given=b"through")
        [start] = received(receiver)
        assert start.startswith(STARTED)
        end = received(receiver)
    assert (code, out, err) == (0, b"through", b"")
    assert without_values(end) == [
        'counter job_runs_total{job="j",result="ok"}',
        'histogram job_duration_seconds{job="j"}',
        'gauge job_last_end_timestamp_seconds{job="j"}',
        'gauge job_last_exit_code{job="j"}',
        'gauge job_last_success_timestamp_seconds{job="j"}',
        'counter job_cpu_seconds_total{job="j",mode="user"}',
        'counter job_cpu_seconds_total{job="j",mode="system"}',
        'gauge job_max_rss_bytes{job="j"}',
    ]
    assert place.spooled() == []


def test_the_start_is_told_while_it_runs(place: Place) -> None:
    """A job that hangs has been seen to begin."""
    with place.listening() as receiver, place.start("run", "--name", "j", "--", "cat") as process:
        assert received(receiver)[0].startswith(STARTED)
        assert process.poll() is None
        process.communicate(b"", timeout=40)
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("command", "code", "result", "labels"),
    [
        (["sh", "-c", "exit 3"], 3, "failed", 'exit_code="3"'),
        (["sh", "-c", "kill -9 $$"], 137, "signal", 'exit_code="137",signal="9"'),
        (["/nowhere/at-all"], 127, "failed", 'exit_code="127"'),
        (["/etc/passwd"], 126, "failed", 'exit_code="126"'),
    ],
)
def test_a_failure_keeps_its_exit_code(place: Place, command: list[str], code: int, result: str, labels: str) -> None:
    """As a shell has it; the run is counted as what it was, and an event tells it."""
    assert place.fog("run", "--name", "j", "--", *command)[0] == code
    lines = place.spooled()
    assert f'counter job_runs_total{{job="j",result="{result}"}} 1' in lines
    assert f'gauge job_last_exit_code{{job="j"}} {code}' in lines
    assert f'event job_failed{{job="j",{labels}}} ""' in lines
    assert not any("success" in line for line in lines)


def test_a_script_without_a_first_line_is_the_shells(place: Place) -> None:
    """As `env` and shells run it, found by its path or by PATH."""
    script = place.spool.with_name("a-script")
    script.write_text('echo "$1"; exit 4\n')
    script.chmod(0o755)
    for name in (str(script), script.name):
        path = f"{script.parent}:/usr/bin:/bin"
        assert place.fog("run", "--name", "j", "--", name, "x y", PATH=path) == (4, b"x y\n", b"")


def test_the_tail_of_a_failure(place: Place) -> None:
    """The last 2 kB of standard error go with the event, and all of it where it would have gone."""
    script = "i=0; while [ $i -lt 1000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1"
    code, _, err = place.fog("run", "--name", "j", "--tail", "--", "sh", "-c", script)
    assert (code, err.count(b"\n")) == (1, 1000)
    [event] = [line for line in place.spooled() if line.startswith("event")]
    text = event.partition('"} "')[2].removesuffix('"').replace("\\n", "\n")
    assert err.decode().endswith(text)
    assert len(text) == 2048


def test_a_process_left_behind_does_not_hold_the_job(place: Place) -> None:
    """It has standard error open, which `--tail` reads, and goes on."""
    code, _, err = place.fog("run", "--name", "j", "--tail", "--", "sh", "-c", "sleep 30 >&2 & echo $! >&2; exit 4")
    os.kill(int(err), signal.SIGKILL)
    assert code == 4


def test_the_tail_loses_nothing_of_a_command_that_ends_well(place: Place) -> None:
    """Standard error is read slowly: all that the command wrote comes, as it would without a pipe between."""
    program = "import sys; sys.stderr.write('x' * 120_000); sys.stderr.flush(); print('done', flush=True)"
    with place.start("run", "--tail", "--", sys.executable, "-c", program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"  # both pipes are full of it
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)  # long enough for one that does not wait
        _, err = process.communicate(timeout=60)
    assert (process.returncode, len(err)) == (0, 120_000)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])
def test_signals_are_passed_on(place: Place, name: str) -> None:
    """The command gets it, once, and its own exit code counts."""
    program = BLOCKS.format(name) + WAITS_FOR.format(name)
    with place.start("run", "--name", "j", "--", sys.executable, "-c", program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(getattr(signal, name))
        out, _ = process.communicate(timeout=40)
    assert (process.returncode, out) == (7, name.encode() + b"\n")


def test_a_command_that_a_signal_ends(place: Place) -> None:
    """128 + 15, and the result says so."""
    with place.start("run", "--name", "j", "--", "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)
    assert process.returncode == 143
    assert 'counter job_runs_total{job="j",result="signal"} 1' in place.spooled()


def test_the_command_starts_with_the_signals_as_they_were(place: Place) -> None:
    """Nothing is blocked or ignored that was not: not the signals that are passed on, nor a broken pipe."""
    show = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
    bare = subprocess.run(["/bin/sh", "-c", show], capture_output=True, check=True, timeout=40).stdout
    wrapped = place.fog("run", "--", "sh", "-c", show)[1]
    signals = [[int(line.split()[1], 16) % 2**31 for line in out.splitlines()] for out in (bare, wrapped)]
    assert signals[0] == signals[1]  # but for two of the C library's own, above 31


def test_an_exit_code_survives_a_parent_that_ignores_children(place: Place) -> None:
    """Some parents leave SIGCHLD ignored, which lets the kernel throw exit codes away."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    job = [sys.executable, "-m", "fog_cli", "run", "--", "sh", "-c", "exit 3"]
    assert subprocess.run([sys.executable, "-c", code, *job], env=place.environ, check=False).returncode == 3


def test_two_at_once(place: Place) -> None:
    """Each has its own files in the spool."""
    jobs = [place.start("run", "--name", f"j{i}", "--", "true") for i in range(4)]
    for job in jobs:
        with job:
            assert job.communicate(timeout=60) == (b"", b"")
    lines = place.spooled()
    assert all(f'counter job_runs_total{{job="j{i}",result="ok"}} 1' in lines for i in range(4))


def test_telemetry_never_changes_the_exit_code(place: Place) -> None:
    """Neither a spool that cannot be written, nor an agent that does not read: both are lines."""
    place.spool.write_text("in the way")
    code, out, err = place.fog("run", "--", "sh", "-c", "echo out; exit 3")
    assert (code, out) == (3, b"out\n")
    assert err.count(b"\n") == err.count(b"dropped\n") == 2


def test_an_agent_that_does_not_read_holds_nobody_for_long(place: Place) -> None:
    """When the kernel's queue is full a message goes to the spool."""
    with place.listening():
        while not place.spooled():
            assert place.fog("emit", "x", "1") == (0, b"", b"")
        assert place.fog("run", "--name", "j", "--", "true") == (0, b"", b"")
    assert any("job_runs_total" in line for line in place.spooled())


COUNTS = """
import signal, threading
seen = []
signal.signal(signal.SIGINT, lambda *_: (seen.append(1), print("heard", flush=True)))
signal.signal(signal.SIGTERM, lambda *_: (print(len(seen), flush=True), exit(0)))
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_ctrl_c_comes_once(place: Place) -> None:
    """The terminal tells the command itself, so it is not passed on; what others send is."""
    options = ["--socket", str(place.socket), "--spool", str(place.spool)]
    with fog_in_terminal("run", *options, "--", sys.executable, "-c", COUNTS) as terminal:
        assert terminal.line() == "ready"
        terminal.type(CTRL_C)
        assert terminal.line().endswith("heard")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.line() == "1"
        assert terminal.process.wait(40) == 0


def test_ctrl_c_reaches_a_command_in_a_group_of_its_own(place: Place) -> None:
    """`timeout` leaves the terminal's foreground: it gets what the job got."""
    options = ["--socket", str(place.socket), "--spool", str(place.spool)]
    program = "import os; os.setpgid(0, 0)\n" + COUNTS
    with fog_in_terminal("run", *options, "--", sys.executable, "-c", program) as terminal:
        assert terminal.line() == "ready"
        terminal.type(CTRL_C)
        assert terminal.line().endswith("heard")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.line() == "1"
        assert terminal.process.wait(40) == 0


def test_a_terminal_that_hangs_up_is_told_to_the_command(place: Place) -> None:
    """The kernel tells the leader of the session alone, which the job is in the command's place."""
    options = ["--socket", str(place.socket), "--spool", str(place.spool)]
    program = BLOCKS.format("SIGHUP") + "print('ready', flush=True); signal.sigwait([signal.SIGHUP]); os._exit(7)"
    with fog_in_terminal("run", *options, "--", sys.executable, "-c", "import os; " + program) as terminal:
        assert terminal.line() == "ready"
        terminal.hang_up()
        assert terminal.process.wait(40) == 7
