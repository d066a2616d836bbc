"""A fork that stands in for `fog` answers and ends like a command that a shell starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fog_testing.waiting import wait_until
from tests.cli import warm
from tests.cli.processes import ENVIRON, command_of, fog, is_alive, run

pytestmark = pytest.mark.skipif(not warm.CAN_FORK, reason="neither this system nor this Python's Popen is one we know")
PYTHON = [sys.executable, "-m"]


def is_fork(pid: int) -> bool:
    """Whether a process has the words of that which is forked."""
    return b"tests.cli.warm" in command_of(pid)


def both(folder: Path, code: str) -> list[tuple[int, str, str]]:
    """Return the exit code and the output of a module, which waits for the end of its input, as a fork and else."""
    (folder / "speaking.py").write_text(f"import sys; sys.stdin.read()\n{code}")
    found = []
    for start in (warm.Popen, subprocess.Popen):
        argv = [*PYTHON, "speaking"]
        pipe = subprocess.PIPE
        with start(argv, cwd=folder, env=ENVIRON, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            assert is_fork(process.pid) == (start is warm.Popen)
            output, errors = process.communicate("", timeout=60)
        found.append((process.returncode, output, errors))
    return found


@pytest.mark.parametrize("arguments", [["--version"], ["nothing"], ["nodes", "--help"], ["check", "/no/file"]])
def test_it_answers_alike(arguments: list[str]) -> None:
    """Standard output, standard error and the exit code are the same."""
    argv = [sys.executable, "-m", "fog_cli", *arguments]
    cold = subprocess.run(argv, env=ENVIRON, capture_output=True, text=True, check=False)
    warm = run(*arguments)
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_it_has_its_own_variables_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables and folder are those of the call, and no later fork has them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.toml").write_text('[agent]\npath = "fog/0/7"\n')
    done = run("agent", "--print-config", FOG_CONFIG="here.toml")
    assert 'path = "fog/0/7"' in done.stdout
    assert "fog/0/7" not in run("agent", "--print-config").stdout


def test_it_is_a_child_that_signals_end() -> None:
    """Its process is one of ours: a signal reaches it, and its end is ours to read."""
    with fog("agent", "--path", "fog/0/1", "--nats", "nats://127.0.0.1:1") as process:
        assert is_fork(process.pid)
        assert process.stderr is not None
        assert "cannot connect" in process.stderr.readline()
        os.kill(process.pid, signal.SIGKILL)
        assert os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT) is not None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "code",
    [
        "sys.exit('one says why')",
        "sys.exit(3)",
        "sys.stderr.write('no line')",
        "import atexit; atexit.register(print, 'the last'); print(sys.path[0], sys.argv[1:])",
        "import threading, time; threading.Timer(0.01, print, ['a thread']).start()",
    ],
)
def test_it_ends_alike(tmp_path: Path, code: str) -> None:
    """With words for an exit code, a line that has no end, functions for the end, threads that still run."""
    fork, other = both(tmp_path, code)
    assert fork == other


@pytest.mark.parametrize("fault", ["1 / 0", "raise KeyboardInterrupt"])
def test_nothing_is_caught(tmp_path: Path, fault: str) -> None:
    """Neither an exception nor an interrupt that its command has not caught."""
    for code, _, errors in both(tmp_path, fault):
        assert code != 0
        assert "Traceback" in errors


def test_its_parent_is_the_worker_from_the_beginning(tmp_path: Path) -> None:
    """A command may remember its parent, and end when it has another."""
    (tmp_path / "asking.py").write_text("import os; print(os.getppid())")
    for _ in range(5):
        with warm.Popen([*PYTHON, "asking"], cwd=tmp_path, env=ENVIRON, stdout=subprocess.PIPE) as process:
            assert int(process.communicate(timeout=60)[0]) == os.getpid()


def test_it_leads_a_group_when_it_shall() -> None:
    """As children of the chaos suite do; it may be any module."""
    says = "import os; print(os.getpgid(0) == os.getpid())"
    argv = [*PYTHON, "timeit", "-n", "1", "-r", "1", says]
    with warm.Popen(argv, stdout=subprocess.PIPE, text=True, process_group=0, env=ENVIRON) as process:
        assert process.communicate(timeout=60)[0].startswith("True\n")


@pytest.mark.parametrize("words", [["fog_cli", "agent"], ["fog_cli", "run"], ["timeit"]])
@pytest.mark.parametrize("name", ["", "PYTHONPROFILEIMPORTTIME", "LC_ALL", "TZ"])
def test_what_depends_on_the_start_of_python_is_no_fork(words: list[str], name: str) -> None:
    """Jobs, and variables that are read as an interpreter starts."""
    path = {"FOG_PATH": "fog/0", "FOG_NATS": "nats://127.0.0.1:1", name or "FOG_INTERVAL": "1s"}
    with warm.Popen([*PYTHON, *words], env=ENVIRON | path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
        forked = is_fork(it.pid)
        it.kill()
    assert forked == (not name and words[1:] != ["run"])


def test_what_forks_have_not_is_no_fork() -> None:
    """A session of its own."""
    with warm.Popen([*PYTHON, "timeit"], env=ENVIRON, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        session = os.getsid(process.pid)
        process.kill()
    assert session == process.pid


def test_the_process_that_is_forked_ends_with_its_worker() -> None:
    """Also with one that is killed."""
    code = """
import subprocess, sys
from tests.cli.warm import Popen, _warmed
with Popen([sys.executable, "-m", "fog_cli", "--version"], stdout=subprocess.DEVNULL) as process:
    process.wait()
print(_warmed()._process.pid, flush=True)
sys.stdin.read()
"""
    pipe, root = subprocess.PIPE, Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, cwd=root) as worker:
        assert worker.stdout is not None
        forked = int(worker.stdout.readline())
        worker.kill()
        wait_until(lambda: not is_alive(forked), what="its end")
