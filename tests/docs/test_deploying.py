"""The commands of deploy/README.md make what they say, from a clone in which nothing is installed yet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import pytest

from tests.house.source import read

BLOCKS: Final = [
    textwrap.dedent(lines)
    for _, lines in re.findall(r"^( *)```\w*\n(.*?)^\1```$", read("deploy/README.md"), re.MULTILINE | re.DOTALL)
]
ELSEWHERE: Final = ("make", "docker", "kubectl", "nats-server")
"""Programs that a stand-in answers for: it writes its words down, and names two machines when it is asked for them."""
STAND_IN: Final = """#!/bin/sh
echo "$(basename "$0") $*" >> calls
case "$*" in "get nodes -o name") echo node/one.example; echo node/two;; esac
"""


def run(block: str, folder: Path) -> list[str]:
    """Run a block where neither `fog` nor its Python is on the path; return the calls of programs of others."""
    (folder / "bin").mkdir()
    for name in ELSEWHERE:
        (folder / "bin" / name).write_text(STAND_IN)
        (folder / "bin" / name).chmod(0o700)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text(f"PATH=$PATH:{Path(sys.executable).parent}")
    (folder / "deploy" / "docker").mkdir(parents=True)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", f"umask 022\n{block}"],  # noqa: S607 - wherever it is
        cwd=folder,
        env={"PATH": f"{folder / 'bin'}{os.pathsep}/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_runs_as_printed(block: str, tmp_path: Path) -> None:
    """It begins with what puts `fog` on the path; nobody else may read a key, or the folder is closed."""
    calls = run(block, tmp_path)
    assert calls[0] == "make .venv"
    assert len(calls) > 1
    keys = [file for ending in ("creds", "nk", "tokens", "token") for file in tmp_path.rglob(f"*.{ending}")]
    assert keys
    for file in keys:
        closed = file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
        assert closed, file


def test_each_machine_of_a_cluster_gets_its_credentials(tmp_path: Path) -> None:
    """By the name that it has there, and with a path that has no dot."""
    (block,) = (one for one in BLOCKS if "kubectl" in one)
    calls = run(block, tmp_path)
    (made,) = (call for call in calls if "generic fog-agents" in call)
    assert re.findall(r"--from-file (\S+)", made) == [
        "one.example.creds=creds/one.example.agent.creds",
        "two.creds=creds/two.agent.creds",
    ]
    assert all((tmp_path / source).is_file() for source in re.findall(r"=(creds/\S+)", made))
