"""`fog check sources`, and `fog agent --sources` with a file that cannot be used."""

from __future__ import annotations

from pathlib import Path

from tests.cli.processes import run


def test_check_says_of_each_file_whether_it_can_be_used(tmp_path: Path) -> None:
    """Exit code 1 when one cannot."""
    fine, wrong = tmp_path / "fine.toml", tmp_path / "wrong.toml"
    fine.write_text("")
    wrong.write_text("[nothing]\n")
    assert run("check", "sources", str(fine)).stdout == f"{fine}: fine: it has no sources\n"
    done = run("check", "sources", str(wrong), str(fine))
    assert done.returncode == 1
    assert f"{wrong}: [nothing]: no such kind of source" in done.stderr
    assert "which files?" in run("check", "sources").stderr


def test_an_agent_refuses_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """As a wrong argument, before it starts."""
    done = run("agent", "--path", "fog/0/3", "--sources", str(tmp_path / "nowhere.toml"))
    assert done.returncode == 2
    assert "nowhere.toml: cannot be read: No such file" in done.stderr
