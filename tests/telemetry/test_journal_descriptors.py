"""Descriptors and folders that a program changes under its journal, as a daemon does, and renewals that fail."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.journal.files import left_files
from utilityfog_frontend.telemetry.journal.reading import read
from utilityfog_frontend.telemetry.support.fork import renew_after_fork


def in_child(work: Callable[[], object]) -> None:
    """Run `work` in a forked child that is killed after it."""
    if not (child := os.fork()):
        try:
            work()
        finally:
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)


def closed(directory: Path) -> TelemetryCollector:
    """Make a collector with a journal, and close this process's descriptors of it."""
    collector = TelemetryCollector(journal=directory)
    [path] = directory.glob("*.journal")
    for link in list(Path("/proc/self/fd").iterdir()):
        if link.exists() and link.samefile(path):
            os.close(int(link.name))
    return collector


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are found in /proc")
def test_a_closed_lock_is_taken_again(tmp_path: Path) -> None:
    """Else an agent, that of the same process first, ends the epoch of a program that lives."""

    def closes() -> None:
        collector = closed(tmp_path / "journals")
        assert collector.journal is not None
        collector.journal.claim("an agent")
        (tmp_path / "left").write_text(f"{len(list(left_files(tmp_path / 'journals')))}")

    in_child(closes)
    assert (tmp_path / "left").read_text() == "0"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are found in /proc")
def test_a_journal_does_not_grow_into_a_file_that_has_got_its_number(tmp_path: Path) -> None:
    """A file of the program's is left as it is."""

    def counts() -> None:
        counter = closed(tmp_path / "journals").register_counter("c_total", "", ["x"], max_children=5_000)
        for number in range(8):
            os.open(tmp_path / f"{number}", os.O_RDWR | os.O_CREAT)
        for number in range(3_000):
            counter.labels(x=str(number)).increment()

    in_child(counts)
    assert [(tmp_path / f"{number}").stat().st_size for number in range(8)] == [0] * 8


def test_a_renewal_that_fails_leaves_no_other_out(tmp_path: Path) -> None:
    """Else a child counts on in its parent's journal, under its parent's epoch."""

    class Failing:
        """Cannot be renewed."""

        def renew(self) -> None:
            """Raise."""
            raise OSError("no")

    failing = [Failing() for _ in range(20)]
    for one in failing:
        renew_after_fork(one)
    collector = TelemetryCollector(journal=tmp_path)
    counter = collector.register_counter("n_total")
    in_child(lambda: counter.increment(100))
    [own] = tmp_path.glob(f"{os.getpid()}-*")
    assert [series.value for epoch in read(own.read_bytes()).epochs for series in epoch.series] == []
    assert len(failing) == 20


def test_children_keep_their_journals_where_the_program_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon goes to another folder; the next start looks where the first one did."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    counter = TelemetryCollector(journal="journals").register_counter("n_total")
    monkeypatch.chdir(tmp_path / "other")
    in_child(counter.increment)
    assert len(list((tmp_path / "journals").glob("*.journal"))) == 2


def test_a_series_that_was_removed_has_counted(tmp_path: Path) -> None:
    """Else a forked child that removes what it counted is not published when it ends."""
    collector = TelemetryCollector(journal=tmp_path)
    counter = collector.register_counter("n_total", "", ["x"])
    counter.labels(x="1").increment()
    counter.remove(x="1")
    assert collector.has_counted()
