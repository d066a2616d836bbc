"""The archives of `make dist` are whole, the same each time, and work where the checkout is not."""

from __future__ import annotations

import hashlib
import os
import shutil
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


def run_make(checkout: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run `make dist` in a checkout with this environment."""
    binaries = Path(sys.executable).parent
    command = ["make", "--silent", "--old-file=.venv", "dist", f"DIST={directory}", f"BIN={binaries}"]
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    environ["GIT_CEILING_DIRECTORIES"] = str(checkout.parent)
    return subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True, timeout=120, env=environ)


def make_dist(checkout: Path, directory: Path) -> dict[str, bytes]:
    """Run `make dist`; return the files by name."""
    done = run_make(checkout, directory)
    assert done.returncode == 0, done.stderr
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def copy_to(folder: Path) -> Path:
    """Copy the files that git knows or would add."""
    for file in tracked():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a repository of one commit, whatever lies in this one."""
    folder = copy_to(tmp_path_factory.mktemp("checkout"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "--all", "--force"], ["commit", "--quiet", "--message=All"]):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def dist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a directory as `make dist` leaves it, in a checkout in which the keys of deploy/README.md lie."""
    for file in ("creds/admin.creds", "creds/operator.nk", "http.tokens", "prometheus.token", "deploy/a.creds"):
        (checkout / file).parent.mkdir(exist_ok=True)
        (checkout / file).write_text("SU-A-SEED")
    directory = tmp_path_factory.mktemp("dist") / "dist"
    make_dist(checkout, directory)
    return directory


def wheel_of(dist: Path) -> Path:
    """Return the one wheel."""
    (wheel,) = dist.glob("*.whl")
    return wheel


def test_the_same_bytes_each_time_and_their_hashes(checkout: Path, dist: Path, tmp_path: Path) -> None:
    """A second build has the same bytes; SHA256SUMS has the hash of each archive, as sha256sum writes it."""
    first = {file.name: file.read_bytes() for file in dist.iterdir()}
    assert make_dist(checkout, tmp_path / "again") == first
    sums = first.pop("SHA256SUMS").decode()
    assert sums == "".join(f"{hashlib.sha256(first[name]).hexdigest()}  {name}\n" for name in sorted(first))
    assert sorted(Path(name).suffix for name in first) == [".gz", ".whl"]


def test_times_are_those_of_the_commit(checkout: Path, dist: Path) -> None:
    """No file in an archive is of another time than the commit, so that whoever builds it gets the same."""
    command = ["git", "log", "-1", "--format=%ct"]
    shown = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        assert {member.mtime for member in opened} == {int(shown.stdout)}


def test_the_wheel_has_all_files_of_its_packages(dist: Path) -> None:
    """Modules, the page's files, the shipped rules and py.typed: all that git knows there, and nothing else."""
    with zipfile.ZipFile(wheel_of(dist)) as opened:
        inside = {name for name in opened.namelist() if ".dist-info/" not in name}
    (script,) = [name for name in inside if name.endswith(".data/scripts/fog")]
    inside.remove(script)
    wanted = {file.partition("/")[2] for file in tracked() if file.startswith(tuple(f"{one}/" for one in IN_THE_WHEEL))}
    assert inside == wanted
    for needed in ("web/static/index.html", "rules/builtin.yml", "fog_cli/py.typed"):
        assert any(name.endswith(needed) for name in inside), needed


def test_the_sdist_has_what_git_knows(dist: Path) -> None:
    """All of it, and nothing else: keys that lie in the checkout are none of it."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {member.name.partition("/")[2] for member in opened}
        content = b"".join(file.read() for member in opened if (file := opened.extractfile(member)))
    assert inside - {"PKG-INFO"} == set(tracked())
    assert b"SU-A-SEED" not in content.replace(Path(__file__).read_bytes(), b"")


def test_a_file_that_git_does_not_know_is_refused(checkout: Path, tmp_path: Path) -> None:
    """It is named, and nothing is built."""
    stray = checkout / "deploy" / "passwords.txt"
    stray.write_text("one")
    try:
        done = run_make(checkout, tmp_path / "dist")
    finally:
        stray.unlink()
    assert done.returncode != 0
    assert "deploy/passwords.txt\ngit does not know these files" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_without_a_repository_it_says_what_it_needs(tmp_path: Path) -> None:
    """An unpacked sdist has no commit, and so no time."""
    done = run_make(copy_to(tmp_path / "unpacked"), tmp_path / "dist")
    assert done.returncode != 0
    assert "make dist needs git and a clone" in done.stderr
    assert "Traceback" not in done.stderr


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
    job = [str(python), "-X", "importtime", fog, "run", "--spool", str(tmp_path), "--", "echo", "told"]
    done = subprocess.run(job, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60, env={})
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert (done.stdout, "fog_cli.jobs.running" in imported, "re" in imported) == ("told\n", True, False)
