"""A spool in which others may write: nobody's file is overwritten, and one that is in the way holds up no other one."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from fog_agent.sources.jobs.spool import MARK, Spool
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.journal.live import LiveJournal

CLAIM = "~1-00000000000000aa.claimed"


def spool_of(folder: Path) -> Spool:
    """Make a spool with a journal beside it."""
    spool = Spool(folder / "spool", journal=folder / "2-00000000000000bb.journal")
    spool.prepare()
    return spool


def test_the_mark_does_not_follow_a_link(tmp_path: Path) -> None:
    """It is a file of the agent's own, and nothing is made elsewhere."""
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / MARK).symlink_to(tmp_path / "elsewhere")
    spool_of(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
    assert not (folder / MARK).is_symlink()


def test_a_claimed_file_overwrites_no_other_one(tmp_path: Path) -> None:
    """It waits until its name is free; neither a folder nor the name of something else disturbs."""
    spool, folder = spool_of(tmp_path), tmp_path / "spool"
    (folder / "0.job").write_bytes(b"new")
    (folder / f"0.job{CLAIM}").write_bytes(b"old")
    (folder / f"1.job{CLAIM}").mkdir()
    (folder / f"{MARK}{CLAIM}").write_bytes(b"no mark")
    spool.reclaim()
    assert (folder / "0.job").read_bytes() == b"new"
    (folder / "0.job").unlink()
    spool.reclaim()
    assert (folder / "0.job").read_bytes() == b"old"
    assert (folder / MARK).read_bytes() == b""
    assert not (folder / "1.job").exists()


def test_a_place_that_a_killed_agent_has_left_is_no_message(tmp_path: Path) -> None:
    """It is empty, as no file of a job is: it goes, nothing is refused, and the claimed file gets its name."""
    spool, folder = spool_of(tmp_path), tmp_path / "spool"
    (folder / "0.job").touch()
    (folder / f"0.job{CLAIM}").write_bytes(b"old")
    spool.reclaim()
    assert list(spool.take()) == []
    spool.reclaim()
    assert [found.data for found in spool.take()] == [b"old"]


def test_an_agent_without_a_journal_knows_what_it_does_not_count(tmp_path: Path) -> None:
    """It may have been counted: that is in the journals of another one."""
    spool_of(tmp_path)
    (tmp_path / "spool" / f"0.job{CLAIM}").write_bytes(b"old")
    assert Spool(tmp_path / "spool").forsaken() == 1
    assert spool_of(tmp_path).forsaken() == 0


def test_without_room_a_file_is_removed_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most once, as without a journal; one that cannot be removed is not counted."""
    collector = TelemetryCollector(journal=tmp_path / "journals")
    orders = collector.register_counter("orders_total")
    assert collector.journal is not None
    monkeypatch.setattr(LiveJournal, "begin_batch", lambda *_: False)
    file = tmp_path / "0.job"
    file.touch()
    assert collector.journal.count([(orders, 2)], file)
    assert not file.exists()
    assert orders.get_value().value == 2

    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)
    assert not collector.journal.count([(orders, 2)], file)
    assert orders.get_value().value == 2
