"""The archives of `make dist` are whole, the same each time, and work where the checkout is not."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.house.source import PACKAGES, ROOT, tracked

IN_THE_WHEEL: Final = tuple(package for package in PACKAGES if not package.startswith("proving/"))


def make_dist(directory: Path) -> dict[str, bytes]:
    """Run `make dist` with this environment; return the files by name."""
    binaries = Path(sys.executable).parent
    command = ["make", "--silent", "--old-file=.venv", "dist", f"DIST={directory}", f"BIN={binaries}"]
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120, env=environ)
    return {file.name: file.read_bytes() for file in directory.iterdir()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a directory as `make dist` leaves it."""
    directory = tmp_path_factory.mktemp("dist") / "dist"
    make_dist(directory)
    return directory


def wheel_of(dist: Path) -> Path:
    """Return the one wheel."""
    (wheel,) = dist.glob("*.whl")
    return wheel


def test_the_same_bytes_each_time_and_their_hashes(dist: Path, tmp_path: Path) -> None:
    """A second build has the same bytes; SHA256SUMS has the hash of each archive, as sha256sum writes it."""
    first = {file.name: file.read_bytes() for file in dist.iterdir()}
    assert make_dist(tmp_path / "again") == first
    sums = first.pop("SHA256SUMS").decode()
    assert sums == "".join(f"{hashlib.sha256(first[name]).hexdigest()}  {name}\n" for name in sorted(first))
    assert sorted(Path(name).suffix for name in first) == [".gz", ".whl"]


def test_times_are_those_of_the_commit(dist: Path) -> None:
    """No file in an archive is of another time than the commit, so that whoever builds it gets the same."""
    command = ["git", "log", "-1", "--format=%ct"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        assert {member.mtime for member in opened} == {int(shown.stdout)}


def test_the_wheel_has_all_files_of_its_packages(dist: Path) -> None:
    """Modules, the page's files, the shipped rules and py.typed: all that git knows there, and nothing else."""
    with zipfile.ZipFile(wheel_of(dist)) as opened:
        inside = {name for name in opened.namelist() if ".dist-info/" not in name}
    wanted = {file.partition("/")[2] for file in tracked() if file.startswith(tuple(f"{one}/" for one in IN_THE_WHEEL))}
    assert inside == wanted
    for needed in ("web/static/index.html", "rules/builtin.yml", "fog_cli/py.typed"):
        assert any(name.endswith(needed) for name in inside), needed


def test_no_secret_is_in_the_sdist(dist: Path) -> None:
    """It has what git knows; credentials that lie in a checkout are none of it."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {member.name.partition("/")[2] for member in opened}
    assert inside - {"PKG-INFO"} <= set(tracked())


def test_the_wheel_works_alone(dist: Path, tmp_path: Path) -> None:
    """In a new environment, without the checkout, the command says its version and its options."""
    venv.create(tmp_path / "new", with_pip=False, symlinks=True)
    python = tmp_path / "new" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel_of(dist))], check=True, capture_output=True, timeout=60)
    (packages,) = (tmp_path / "new").glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )  # the packages there, and not the checkout

    def said(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60, env={})
        return done.stdout

    fog = str(python.with_name("fog"))
    assert Path(said(str(python), "-c", "import fog_cli; print(fog_cli.__file__)").strip()).is_relative_to(packages)
    assert f"-{said(fog, '--version').split()[1]}-" in wheel_of(dist).name
    assert "--path" in said(fog, "agent", "--help")
    assert "--listen" in said(fog, "aggregator", "--help")
