"""A file of the spool whose counts a dead process's journal has: it goes when they are sent, and is nobody else's."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from fog_agent.core.journal.recovery import FINAL_AGE, Address
from fog_agent.core.writer import Settings
from fog_agent.edge.recovery import Recovery
from fog_bus.memory import MemoryBus
from utilityfog_frontend.telemetry.journal.files import claim_of
from utilityfog_frontend.telemetry.journal.layout import AT_BANKS, CELL, FINAL_SENT

PROGRAM = """
import os, signal, sys
from pathlib import Path
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.journal.live import LiveJournal

collector = TelemetryCollector(journal=sys.argv[1])
orders = collector.register_counter("orders_total")
file = Path(sys.argv[2].replace("JOURNAL", collector.journal.file.stem))
file.touch()
LiveJournal.settle_batch = lambda _: os.kill(os.getpid(), signal.SIGKILL)
collector.journal.count([(orders, 3)], file)
"""
COUNTED = b"orders_total"


def killed_with(folder: Path, file: str) -> tuple[Path, Path]:
    """Let a process be killed when it has counted a file and not removed it; return its journal and the file."""
    argv = [sys.executable, "-c", PROGRAM, str(folder / "journals"), str(folder / file)]
    assert subprocess.run(argv, check=False, timeout=60).returncode == -signal.SIGKILL
    [journal] = (folder / "journals").glob("*.journal")
    left = folder / file.replace("JOURNAL", journal.stem)
    assert left.exists()
    return journal, left


def recovery_of(journal: Path, bus: MemoryBus) -> Recovery:
    """Look into the directory of a journal."""
    return Recovery(journal.parent, bus, Address(("f", "1"), "fog.v1", Settings()))


def sent(bus: MemoryBus) -> int:
    """Count the frames that have orders."""
    return sum(COUNTED in message.data for message in bus.streams["FOG_V1_METRICS"].messages)


async def test_a_claimed_file_goes_before_its_counts_are_sent(tmp_path: Path) -> None:
    """Its name says whose counts it has."""
    journal, file = killed_with(tmp_path, "0.job~JOURNAL.claimed")
    assert file.name.endswith(claim_of(journal))
    bus = MemoryBus()
    await recovery_of(journal, bus).sweep()
    assert (file.exists(), journal.exists(), sent(bus)) == (False, False, 1)


async def test_a_file_of_another_name_is_not_removed(tmp_path: Path) -> None:
    """A journal that names any file else is torn: whoever may write it must not have files removed elsewhere."""
    journal, file = killed_with(tmp_path, "precious")
    bus = MemoryBus()
    await recovery_of(journal, bus).sweep()
    assert (file.exists(), journal.exists(), sent(bus)) == (True, False, 0)
    assert journal.with_name(f"{journal.name}.set-aside").exists()


async def test_the_file_of_an_expired_epoch_goes_with_it(tmp_path: Path) -> None:
    """Frames of the epoch may have had its counts: given back to the spool they would count twice."""
    journal, file = killed_with(tmp_path, "0.job~JOURNAL.claimed")
    image = bytearray(journal.read_bytes())
    at = (AT_BANKS[1] + FINAL_SENT) * CELL
    struct.pack_into("=d", image, at, 1e9 - FINAL_AGE)
    journal.write_bytes(image)
    bus = MemoryBus()
    await recovery_of(journal, bus).sweep()
    assert (file.exists(), sent(bus)) == (False, 0)
    assert journal.with_name(f"{journal.name}.set-aside").exists()


async def test_a_file_that_cannot_be_removed_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent of another user may not: the journal waits for one that may, and is looked at every few seconds."""
    journal, file = killed_with(tmp_path, "0.job~JOURNAL.claimed")
    bus = MemoryBus()
    recovery = recovery_of(journal, bus)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _refuse)
        for _ in range(3):
            await recovery.sweep()
    assert (file.exists(), journal.exists(), sent(bus)) == (True, True, 0)
    [told] = caplog.messages
    assert "waits, and is tried again: it cannot be read or written: [Errno 13] not yours" in told
    await recovery.sweep()
    assert (file.exists(), journal.exists(), sent(bus)) == (False, False, 1)


def _refuse(path: Path, *, missing_ok: bool = False) -> None:
    raise PermissionError(13, "not yours", os.fspath(path))


@pytest.mark.parametrize("removed", [True, False])
def test_a_journal_with_a_file_stays_when_its_process_ends(tmp_path: Path, *, removed: bool) -> None:
    """Even without a count of its own to send: it says that the file was counted."""
    program = """
import sys
from pathlib import Path
from utilityfog_frontend.telemetry import TelemetryCollector

collector = TelemetryCollector(journal=sys.argv[1])
file = Path(sys.argv[2])
if len(sys.argv) > 3:
    file.mkdir()  # which cannot be removed as a file is
assert collector.journal.count([], file)
"""
    words = [] if removed else ["stays"]
    argv = [sys.executable, "-c", program, str(tmp_path / "journals"), str(tmp_path / "0.job"), *words]
    subprocess.run(argv, check=True, timeout=60)
    assert len(list((tmp_path / "journals").iterdir())) == (not removed)
