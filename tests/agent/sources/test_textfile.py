"""A directory of text files: each is taken or refused whole, and fails by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fog_testing.waiting import wait_until
from tests.agent.sources.test_scraping import running


def write(directory: Path, name: str, text: str) -> None:
    """Replace a file, as scripts should."""
    new = directory / (name + ".new")
    new.write_text(text)
    new.replace(directory / name)


@pytest.mark.parametrize("wrong", ["a 2\nb", "a 2\nb x\n", "a 2 1700000000000\n", "a 2\na 3\n", "a 2\n" * 100])
def test_a_file_is_taken_or_refused_whole(tmp_path: Path, wrong: str) -> None:
    """Its counts stay then, from the first reading on; another file is read all the same; one that is gone ends."""
    write(tmp_path, "a.prom", "a 1\nc_total 100\n")
    write(tmp_path, "b.prom", "other 1\n")
    write(tmp_path, "c.txt", "none 1\n")
    os.mkfifo(tmp_path / "pipe.prom")
    table = {"name": "jobs", "directory": str(tmp_path), "interval": 0.1, "most_bytes": 100, "labels": {"team": "x"}}
    with running(table, kind="textfile") as node:
        assert node.value("a", team="x") == 1
        assert node.value("c_total", team="x") == 0
        assert node.value("none", team="x") is None
        assert node.value("node_textfile_scrape_error", file="pipe.prom", team="x") == 1
        write(tmp_path, "a.prom", "a 2\nc_total 103\n")
        wait_until(lambda: node.value("c_total", team="x") == 3)
        write(tmp_path, "a.prom", wrong)
        wait_until(lambda: node.value("node_textfile_scrape_error", file="a.prom", team="x") == 1)
        assert node.value("a", team="x") is None
        assert node.value("c_total", team="x") == 3
        assert node.value("fog_agent_source_refused_total", source="jobs", reason="file") >= 2
        assert node.value("node_textfile_scrape_error", file="b.prom", team="x") == 0
        assert node.value("node_textfile_mtime_seconds", file="b.prom", team="x") > 1e9
        (tmp_path / "b.prom").unlink()
        wait_until(lambda: node.value("other", team="x") is None)


def test_a_directory_that_is_not_there_is_down_until_it_is(tmp_path: Path) -> None:
    """And is read then."""
    directory = tmp_path / "later"
    with running({"name": "jobs", "directory": str(directory), "interval": 0.1}, kind="textfile") as node:
        wait_until(lambda: node.value("fog_agent_source_up", source="jobs") == 0)
        directory.mkdir()
        write(directory, "a.prom", "a 1\n")
        wait_until(lambda: node.value("a") == 1)
        assert node.value("fog_agent_source_up", source="jobs") == 1


def test_a_series_of_two_files_is_the_first_one_s(tmp_path: Path) -> None:
    """The other file is refused whole, whichever changed last; it goes on when the first is gone."""
    write(tmp_path, "b.prom", "c_total 100\nother 1\n")
    table = {"name": "jobs", "directory": str(tmp_path), "interval": 0.1}
    with running(table, kind="textfile") as node:
        assert node.value("c_total") == 0
        write(tmp_path, "a.prom", "c_total 103\n")
        wait_until(lambda: node.value("c_total") == 3)
        wait_until(lambda: node.value("node_textfile_scrape_error", file="b.prom") == 1)
        write(tmp_path, "b.prom", "c_total 500\nother 2\n")
        write(tmp_path, "a.prom", "c_total 104\n")
        wait_until(lambda: node.value("c_total") == 4)
        assert node.value("other") is None
        write(tmp_path, "b.prom", "c_total 106\nother 2\n")
        (tmp_path / "a.prom").unlink()
        wait_until(lambda: node.value("other") == 2)
        assert node.value("c_total") == 6
