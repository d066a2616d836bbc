"""The units of systemd, by systemd itself and by the options that `fog` has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deployments.containers.programs import NOT_OURS, Program
from tests.deployments.shipped import DEPLOY

UNITS: Final = sorted((DEPLOY / "systemd").glob("*.service"))
ANALYZE: Final = shutil.which("systemd-analyze")
MOST_EXPOSED: Final = 25
"""Of 100, in systemd's own measure, which has changed a little from version to version."""


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd about a unit; no manager need run."""
    return subprocess.run([str(ANALYZE), *words], capture_output=True, text=True, check=False, timeout=60)


def version() -> int:
    """Return the version of systemd; 0 where there is no systemd."""
    return int(analyze("--version").stdout.split()[1]) if ANALYZE else 0


@pytest.fixture
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Provide a unit whose program is there."""
    file = tmp_path / request.param.name
    file.write_text(request.param.read_text().replace("/opt/fog/bin/fog", "/bin/true"))
    return str(file)


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.name, indirect=True)
def test_systemd_takes_it(unit: str) -> None:
    """Without a complaint."""
    done = analyze("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(version() < 250, reason="no systemd that measures a unit without its manager")
@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.name, indirect=True)
def test_it_is_confined(unit: str) -> None:
    """By systemd's measure of what a service might do."""
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_its_options_are_there(file: Path) -> None:
    """Its command takes its words, and knows the variables that its comments name."""
    text = file.read_text()
    (line,) = re.findall(r"^ExecStart=/opt/fog/bin/fog (.*)$", text, re.MULTILINE)
    named = set(re.findall(r"\b([A-Z][A-Z_]+)=", text)) - NOT_OURS
    assert len(named) >= 3
    program = Program(file.name, tuple(line.split()), dict.fromkeys(named, "x"))
    assert list(program.problems()) == []
