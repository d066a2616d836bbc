"""`fog run` where something is missing: the command finds it missing as it would without, and nothing else."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.jobs.listening import Place, received

FOG = [sys.executable, "-m", "fog_cli"]
OPEN = """
import os
found = ""
for number in range(3):
    try:
        os.fstat(number)
        found += str(number)
    except OSError:
        pass
with open(os.environ["OUT"], "w") as file:
    file.write(found)
os._exit(3)
"""


def within(script: str, place: Place, *words: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run `fog` by a shell that does something first."""
    argv = ["/bin/sh", "-c", f'{script} "$@"', "sh", *FOG, *words]
    return subprocess.run(argv, env=place.environ | environ, capture_output=True, check=False, timeout=30)


@pytest.mark.parametrize("tail", [[], ["--tail"]])
@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_streams_that_are_closed_stay_closed(place: Place, tmp_path: Path, closed: str, tail: list[str]) -> None:
    """The command has those that there are, and its exit code is told."""
    streams = {"0": "0<&-", "1": "1>&-", "2": "2>&-"}
    script = "exec " + " ".join(streams[one] for one in closed)
    out, command = tmp_path / "open", [sys.executable, "-IS", "-c", OPEN]
    done = within(f"{script}; exec", place, "run", "--name", "j", *tail, "--", *command, OUT=str(out))
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    assert out.read_text() == "".join(one for one in streams if one not in closed)
    assert 'gauge job_last_exit_code{job="j"} 3' in place.spooled()


def test_what_is_wrong_is_never_on_standard_output(place: Place) -> None:
    """With standard error closed it is nowhere."""
    for words, code in ((["run", "--", "/nowhere"], 127), (["run"], 2), (["emit", "a", "b"], 2)):
        done = within("exec 2>&-; exec", place, *words)
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


@pytest.mark.parametrize("environ", [{}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "C"}])
def test_the_environment_is_the_commands(place: Place, environ: dict[str, str]) -> None:
    """Python sets a locale for itself where nobody has, as under cron; and any bytes are passed on."""
    given = {name.encode(): value.encode() for name, value in environ.items()}
    given |= {b"BASH_FUNC_f%%": b"() { :; }", b"A\xff": b"\xfe", b"LONG": b"x" * 100_000}
    argv = [*FOG, "run", "--socket", str(place.socket), "--spool", str(place.spool), "--", "/usr/bin/env"]
    done = subprocess.run(argv, env=given, capture_output=True, check=True, timeout=30)
    assert dict(line.split(b"=", 1) for line in done.stdout.splitlines()) == given


@pytest.mark.parametrize(("command", "code"), [("", 127), ("/", 126)])
def test_a_command_that_is_none(place: Place, command: str, code: int) -> None:
    """As a shell has it, with a line that says why."""
    done = place.fog("run", "--", command)
    assert (done[0], done[1], done[2].count(b"\n")) == (code, b"", 1)


def test_lines_from_nowhere(place: Place) -> None:
    """Standard input that is closed is a line and exit code 1."""
    done = within("exec 0<&-; exec", place, "emit", "-")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"fog emit: standard input: Bad file descriptor\n"


def test_a_file_that_cannot_be_written_leaves_nothing(place: Place) -> None:
    """As on a full disk: a line for each message that is dropped, no part of one, and the command's exit code."""
    done = within("ulimit -f 0; exec", place, "run", "--", "sh", "-c", "echo out; exit 3")
    assert (done.returncode, done.stdout) == (3, b"out\n")
    assert done.stderr.count(b"\n") == done.stderr.count(b"dropped\n") == 2
    assert list(place.spool.iterdir()) == []


def test_a_socket_that_a_dead_agent_left(place: Place) -> None:
    """Nobody listens there: it is told to the spool."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(place.socket))
    assert place.fog("emit", "a", "1") == (0, b"", b"")
    assert place.spooled() == ["gauge a 1"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])
def test_a_signal_while_it_tells_changes_nothing(place: Place, name: str) -> None:
    """The command has ended: its exit code stays, and what is told is told."""
    with place.listening() as receiver, place.start("run", "--name", "j", "--sync", "--", "sh", "-c", "exit 3") as job:
        data, sender = receiver.recvfrom(65536)
        receiver.sendto(b"ok", sender)
        assert b"start" in data
        data, sender = receiver.recvfrom(65536)
        assert b"job_runs_total" in data
        job.send_signal(getattr(signal, name))
        receiver.sendto(b"ok", sender)
        assert job.communicate(timeout=30) == (b"", b"")
    assert job.returncode == 3


def test_a_signal_that_came_before_the_command_is_the_commands(place: Place) -> None:
    """Blocked and waiting when `fog run` begins: the command gets it, and nothing of it is lost."""
    launch = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
        "os.kill(os.getpid(), signal.SIGTERM); os.execv(sys.executable, sys.argv[1:])"
    )
    command = "import signal; print(signal.sigwait([signal.SIGTERM]).name); raise SystemExit(7)"
    argv = [sys.executable, "-c", launch, *FOG, "run", "--", sys.executable, "-c", command]
    done = subprocess.run(argv, env=place.environ, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"SIGTERM\n", b"")


def test_the_start_is_one_message_and_the_end_another(place: Place) -> None:
    """Whatever stands in the name of the job: it is one label, and no line of its own."""
    name = 'a"b\\c\nd'
    with place.listening() as receiver:
        assert place.fog("run", "--name", name, "--", "true") == (0, b"", b"")
        assert len(received(receiver)) == 1
        assert len(received(receiver)) == 8
