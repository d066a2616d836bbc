"""The SDK beside a program that has a package `utilityfog_frontend` of its own, as the page of the SDK says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from utilityfog_frontend import telemetry

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
[LINE] = [line for line in PAGE.splitlines() if line.startswith("__path__ = ")]
"""The one line that each part of the namespace has, as the page prints it."""

USE: Final = """
import sys
sys.path[:0] = sys.argv[1:]
from utilityfog_frontend.coordination import NAME
from utilityfog_frontend import telemetry
counter = telemetry.TelemetryCollector().register_counter("a_total")
counter.increment()
print(NAME, telemetry.__file__)
"""
"""A program that uses a module of its own and the SDK, with folders that stand at the beginning of its path."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Provide a program's repository: its package has an empty `__init__.py` and a module of its own."""
    package = tmp_path / "program" / "utilityfog_frontend"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "coordination.py").write_text('NAME = "the program\'s own"\n', "utf-8")
    return package.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    [built] = folder.glob("*.whl")
    installed = folder / "site-packages"
    with zipfile.ZipFile(built) as archive:
        archive.extractall(installed)
    return installed


def use(*folders: Path, installed: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the program, without what is installed unless that is wanted."""
    options = [] if installed else ["-S"]
    command = [sys.executable, *options, "-c", USE, *map(str, folders)]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


def sdk_of(done: subprocess.CompletedProcess[str]) -> Path:
    """Return the folder of the SDK that a program has used beside its own module."""
    assert done.returncode == 0, done.stderr
    own, _, file = done.stdout.strip().rpartition(" ")
    assert own == "the program's own"
    return Path(file).parent


@pytest.mark.parametrize("line", [True, False], ids=["with the line", "empty"])
def test_the_sdk_first(program: Path, wheel: Path, *, line: bool) -> None:
    """The SDK's own line finds the program's folder, whatever stands in that."""
    if line:
        (program / "utilityfog_frontend" / "__init__.py").write_text(LINE + "\n", "utf-8")
    assert sdk_of(use(wheel, program)) == wheel / "utilityfog_frontend" / "telemetry"
    assert sdk_of(use(ROOT / "telemetry", program)) == ROOT / "telemetry" / "utilityfog_frontend" / "telemetry"


def test_the_program_first_with_the_line(program: Path, wheel: Path) -> None:
    """As when it is run from its repository: from the wheel, and beside an editable installation."""
    (program / "utilityfog_frontend" / "__init__.py").write_text(LINE + "\n", "utf-8")
    assert sdk_of(use(program, wheel)) == wheel / "utilityfog_frontend" / "telemetry"
    assert sdk_of(use(program, installed=True)) == Path(telemetry.__file__).parent


def test_the_program_first_without_the_line(program: Path, wheel: Path) -> None:
    """Its empty package hides every other part of the namespace: that is why it needs the line."""
    for done in (use(program, wheel), use(program, installed=True)):
        assert done.returncode == 1
        assert "cannot import name 'telemetry' from 'utilityfog_frontend'" in done.stderr


def test_a_copy_in_the_programs_package(program: Path) -> None:
    """The SDK is the standard library alone: its folder may stand in the program's package, which may be empty."""
    copy = program / "utilityfog_frontend" / "telemetry"
    shutil.copytree(Path(telemetry.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert sdk_of(use(program)) == copy
    assert sdk_of(use(program, installed=True)) == copy


def test_an_older_telemetry_in_the_programs_package_wins_when_it_stands_first(program: Path, wheel: Path) -> None:
    """So the page says to remove it."""
    older = program / "utilityfog_frontend" / "telemetry"
    older.mkdir()
    (older / "__init__.py").write_text("class TelemetryCollector: ...\n", "utf-8")
    (program / "utilityfog_frontend" / "__init__.py").write_text(LINE + "\n", "utf-8")
    assert use(program, wheel).returncode == 1
    assert sdk_of(use(wheel, program)) == wheel / "utilityfog_frontend" / "telemetry"
