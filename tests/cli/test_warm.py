"""A fork that stands in for `fog` answers and ends like a command that a shell starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import ENVIRON, fog, run
from tests.cli.warm import WarmPopen, starter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks have another parent by Linux's prctl(2)")


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
        assert isinstance(process, WarmPopen)
        assert process.stderr is not None
        assert "cannot connect" in process.stderr.readline()
        os.kill(process.pid, signal.SIGKILL)
        assert os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT) is not None
    assert process.returncode == -signal.SIGKILL


def test_it_leads_a_group_when_it_shall() -> None:
    """As children of the chaos suite do; it may be any module."""
    says = "import os; print(os.getpgid(0) == os.getpid())"
    argv = [sys.executable, "-m", "timeit", "-n", "1", "-r", "1", says]
    with WarmPopen(argv, stdout=subprocess.PIPE, text=True, process_group=0, env=ENVIRON) as process:
        assert process.communicate(timeout=60)[0].startswith("True\n")


def test_jobs_and_variables_of_python_are_never_warm() -> None:
    """Whatever depends on how the interpreter starts, starts one."""
    assert starter("agent", ["FOG_PATH"]) is WarmPopen
    assert starter("run") is subprocess.Popen
    assert starter("agent", ["PYTHONPROFILEIMPORTTIME"]) is subprocess.Popen
