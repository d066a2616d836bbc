"""The command itself: what it prints, how it fails, and what it leaves alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fog_cli.commands import SUMMARIES, load
from fog_cli.config import options_of
from fog_cli.main import run

BASH = shutil.which("bash")


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help works for each, lists each flag, and needs nothing that the command itself may need."""
    with pytest.raises(SystemExit) as ended:
        run([name, "--help"], {})
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for option in options_of(load(name).settings, name):
        assert all(flag in shown for flag in option.flags)


def test_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`fog` alone says what there is."""
    assert run([], {}) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in SUMMARIES)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["chek"], "fog: chek is not a command; did you mean fog check?"),
        (["zzz"], "fog: zzz is not a command; fog --help lists the commands"),
        (["check"], "fog check: the following arguments are required: FILE (see fog check --help)"),
        (["completion", "tcsh"], "fog completion: argument bash|zsh|fish: invalid choice: 'tcsh'"),
        (["check", "/nowhere/fog.toml"], "fog check: /nowhere/fog.toml: cannot be read: No such file or directory"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what was wrong and what to do, on standard error."""
    assert run(argv, {}) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file is fine; a bad one has every problem listed and exit code 1."""
    file = tmp_path / "fog.toml"
    file.write_text('[log]\nlevel = "debug"\n')
    assert run(["check", str(file)], {}) == 0
    assert capsys.readouterr().out == f"{file}: fine\n"
    file.write_text('[log]\nlevle = "debug"\nformat = "xml"\n')
    assert run(["check", str(file)], {}) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{file}: [log] levle: unknown key; did you mean level?",
        f"{file}: [log] format: 'xml' must be one of logfmt, json",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_know_every_command_and_flag(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Made from the options themselves, so none is forgotten."""
    assert run(["completion", shell], {}) == 0
    script = capsys.readouterr().out
    for name in SUMMARIES:
        assert name in script
        for option in options_of(load(name).settings, name):
            assert all(flag.removeprefix("--") in script for flag in option.flags)


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("fog compl", "completion"), ("fog completion f", "fish"), ("fog agent --log.level w", "warning")],
)
def test_bash_completes(typed: str, offered: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A real bash, asked as its readline asks, offers the one word that fits."""
    run(["completion", "bash"], {})
    words = typed.split()
    script = f"""{capsys.readouterr().out}
        COMP_WORDS=({typed}) COMP_CWORD={len(words) - 1}
        _fog fog '{words[-1]}' '{words[-2]}'
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run([str(BASH), "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [offered]


def test_starts_light() -> None:
    """`fog` imports neither numpy, NATS, aiohttp nor asyncio before it knows which command is asked for."""
    heavy = ["numpy", "nats", "aiohttp", "asyncio", "msgpack", "psutil"]
    code = f"import sys, fog_cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_missing_part_says_what_to_install() -> None:
    """Without numpy `fog aggregator` names the extra, on one line."""
    code = "import sys; sys.modules['numpy'] = None; from fog_cli.main import run; sys.exit(run(['aggregator'], {}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "fog aggregator: numpy is missing: pip install 'utilityfog-telemetry[aggregator]'\n"


def test_a_reader_who_leaves_is_no_error() -> None:
    """`fog … | head` ends without a word."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fog_cli", "completion", "fish"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=40)
    assert (process.returncode, err) == (0, b"")


def test_a_parent_that_closed_standard_output_is_no_error() -> None:
    """As some service managers and `>&-` do."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m fog_cli --version >&-', sys.executable], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
