"""A history on disk comes back after every end: also where a disk was full, journals are long, or a journal is torn."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from fog_aggregator.components.history import files as module
from fog_aggregator.components.history.files import HistoryFiles
from fog_aggregator.components.history.metrics import HistoryMetrics
from fog_aggregator.components.history.recorder import Recorder
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.history.step import WHOLE
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.network import NetworkCollector
from tests.history.building import STEP, Tables
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

STEPS = 150
"""Of a journal: more than the sixty of a block."""


def write(directory: Path, steps: int = STEPS) -> HistoryFiles:
    """Write a journal of steps, as an aggregator does whose blocks cannot be written."""
    written, tables = HistoryFiles(directory, lambda: None), Tables()
    for number in range(1, steps + 1):
        written.append(tables.step(number * STEP, {WHOLE: {f"x_total/n={one}": number for one in range(100)}}))
    written.close()
    return written


def load(directory: Path, network: NetworkCollector, limits: HistoryLimits | None = None) -> tuple[int, bool]:
    """Start on a directory, end without any order, and return how many steps were found and whether files were bad."""
    store = HistoryStore(limits or HistoryLimits())
    metrics = HistoryMetrics(TelemetryCollector(reserved_names=True))
    recorder = Recorder(network, store, threading.Lock(), metrics, STEP, HistoryLimits().retention)
    recorder.files = HistoryFiles(directory, lambda: None)
    recorder.load()
    return store.steps, recorder.files.damaged


@pytest.fixture
def network() -> NetworkCollector:
    """Return an empty fleet; nothing is read of it."""
    return NetworkCollector(
        Fleet(), EventList(), TelemetryCollector(self_metrics=False, reserved_names=True), lambda: 0.0
    )


def test_a_journal_longer_than_a_block_is_taken_over(tmp_path: Path, network: NetworkCollector) -> None:
    """A journal of more steps than a block may have, as the block could not be written, comes back at every start."""
    write(tmp_path)
    assert [load(tmp_path, network) for _ in range(3)] == [(STEPS, False)] * 3


def test_a_history_starts_with_less_memory(tmp_path: Path, network: NetworkCollector) -> None:
    """A journal of more steps than fit into a smaller memory at once is taken over as far as it fits."""
    write(tmp_path)
    steps, damaged = load(tmp_path, network, HistoryLimits(memory=150_000))
    assert 0 < steps <= STEPS
    assert not damaged


def test_steps_of_a_torn_journal_outlive_the_next_end(tmp_path: Path, network: NetworkCollector) -> None:
    """The journal that is set aside is not read again: its steps are in a block by then."""
    write(tmp_path, 20)
    [journal] = tmp_path.glob("journal-*")
    os.truncate(journal, journal.stat().st_size - 5)
    assert load(tmp_path, network) == (19, True)
    assert load(tmp_path, network) == (19, False)


def test_a_step_that_does_not_fit_on_the_disk_is_cut_off(
    tmp_path: Path, network: NetworkCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a full disk the steps before and after come back, and no file is called damaged."""
    written, tables = HistoryFiles(tmp_path, lambda: None), Tables()
    steps = [tables.step(number * STEP, {WHOLE: {"x_total": number}}) for number in range(1, 6)]
    written.append(steps[0])
    write_all = module._write_all  # noqa: SLF001 - a disk that takes half and then says that it is full

    def full(file: IO[bytes], data: bytes) -> None:
        write_all(file, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_all", full)
        for step in steps[1:3]:
            with pytest.raises(OSError, match="No space left"):
                written.append(step)
    for step in steps[3:]:
        written.append(step)
    written.close()
    assert load(tmp_path, network) == (3, False)


def test_files_that_cannot_be_removed_cost_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A directory that has become read-only is told of in the log, and raises nothing: steps go on in memory."""
    write(tmp_path, 3)
    files = HistoryFiles(tmp_path, lambda: None)

    def refuse(self: Path, **_: object) -> None:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    files.remove_journals()
    files.remove((1, 2))
    assert caplog.text.count("cannot be removed: [Errno 30] Read-only file system") == 2


@pytest.mark.parametrize("failures", [1, 2, 99])
def test_a_block_that_could_not_be_written_is_written_with_the_next(
    tmp_path: Path, network: NetworkCollector, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """Until then the journals have its steps, and stay: no end of the process loses any."""
    steps, left = STEPS, [failures]
    write_block = HistoryFiles.write_block

    def full(self: HistoryFiles, span: tuple[int, int], data: bytes) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(28, "No space left on device")
        write_block(self, span, data)

    monkeypatch.setattr(HistoryFiles, "write_block", full)
    store = HistoryStore(HistoryLimits())
    metrics = HistoryMetrics(TelemetryCollector(reserved_names=True))
    recorder = Recorder(network, store, threading.Lock(), metrics, STEP, HistoryLimits().retention)
    recorder.files = HistoryFiles(tmp_path, lambda: None)
    for number in range(1, steps + 1):
        recorder.take(number * STEP, live=True)
    recorder.stop(finish=True)
    blocks = {1: 2, 2: 0, 99: 0}[failures]
    assert len(list(tmp_path.glob("block-*"))) == blocks
    assert store.steps == steps
    monkeypatch.undo()
    assert load(tmp_path, network) == (steps, False)


def test_half_a_block_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on a full disk nor after an end in the middle of the writing."""
    files = HistoryFiles(tmp_path, lambda: None)

    def full(file: IO[bytes], data: bytes) -> None:
        file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_all", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_block((1, 2), b"a block")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "block-1-2.tmp").write_bytes(b"half")
    HistoryFiles(tmp_path, lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_set_aside_and_the_newest_three_are_kept(tmp_path: Path) -> None:
    """Each is counted, and read no more."""
    damages: list[int] = []
    for number in range(5):
        (tmp_path / f"journal-{number}.fog").write_bytes(b"no journal")
        assert list(HistoryFiles(tmp_path, lambda: damages.append(1)).steps()) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"journal-{number}.corrupt" for number in (2, 3, 4)]
    assert len(damages) == 5


def test_what_is_written_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step and a block are synced before anybody goes on, and so is the directory that names the block."""
    synced: list[str] = []

    def note(name: str, sync: Callable[[int], None]) -> Callable[[int], None]:
        def noted(number: int) -> None:
            synced.append(f"{name} {'directory' if stat.S_ISDIR(os.fstat(number).st_mode) else 'file'}")
            sync(number)

        return noted

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, note(name, getattr(os, name)))
    files = HistoryFiles(tmp_path, lambda: None)
    files.append(Tables().step(STEP, {WHOLE: {"x_total": 1}}))
    assert synced == ["fdatasync file"]
    files.write_block((1, 2), b"a block")
    assert synced[1:] == ["fsync file", "fsync directory"]
    files.close()


class Trickle(io.BytesIO):
    """A file that takes three bytes at a time, as a disk does that is nearly full."""

    def write(self, data: Any) -> int:
        """Take some."""
        return super().write(bytes(data)[:3])


def test_all_bytes_are_written_however_few_a_file_takes_at_once() -> None:
    """The rest is written again until nothing is left."""
    file = Trickle()
    module._write_all(file, b"0123456789")  # noqa: SLF001 - a file in memory
    assert file.getvalue() == b"0123456789"


def recorder_on(directory: Path, network: NetworkCollector, limits: HistoryLimits) -> Recorder:
    """Make a recorder whose files lie in a directory."""
    metrics = HistoryMetrics(TelemetryCollector(reserved_names=True))
    recorder = Recorder(network, HistoryStore(limits), threading.Lock(), metrics, STEP, limits.retention)
    recorder.files = HistoryFiles(directory, lambda: None)
    return recorder


def test_a_block_that_was_let_go_of_is_written_no_more(
    tmp_path: Path, network: NetworkCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is older than anything is kept, or of a time that has not come."""
    spans: list[tuple[int, int]] = []

    def full(self: HistoryFiles, span: tuple[int, int], data: bytes) -> None:
        spans.append(span)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(HistoryFiles, "write_block", full)
    recorder = recorder_on(tmp_path, network, HistoryLimits(retention=30 * STEP))
    for number in range(1, 200):
        recorder.take(number * STEP, live=True)
    recorder.stop(finish=True)
    assert spans == [(STEP, 60 * STEP), (61 * STEP, 120 * STEP), (121 * STEP, 180 * STEP)]
    other = recorder_on(tmp_path / "other", network, HistoryLimits())
    for number in (*range(1000, 1060), *range(1, 61)):
        other.take(number * STEP, live=True)
    other.stop(finish=True)
    assert spans[3:] == [(1000 * STEP, 1059 * STEP), (STEP, 60 * STEP)]


def test_a_clock_that_was_set_back_costs_no_step_of_the_past(tmp_path: Path, network: NetworkCollector) -> None:
    """The steps before it are there, in memory and on disk; whoever asks is told."""
    recorder, told = recorder_on(tmp_path, network, HistoryLimits()), list[int]()
    recorder.on_kept = told.append
    for number in (1, 2, 1000, 3):
        recorder.take(number * STEP, live=True)
        recorder._thread.submit(lambda: None).result()  # noqa: SLF001 - what is before it is done then
    recorder.stop(finish=True)
    assert told == [STEP, 2 * STEP, 1000 * STEP, 3 * STEP]
    assert recorder._store.times_after(0, 10) == [STEP, 2 * STEP, 3 * STEP]  # noqa: SLF001 - what it has
    again = recorder_on(tmp_path, network, HistoryLimits())
    again.load()
    assert again._store.times_after(0, 10) == [STEP, 2 * STEP, 3 * STEP]  # noqa: SLF001 - what it has
    again.stop(finish=True)


def test_a_step_that_is_taken_twice_is_one(tmp_path: Path, network: NetworkCollector) -> None:
    """The second is asked for while the first waits for the thread: it is neither counted nor written."""
    recorder, busy = recorder_on(tmp_path, network, HistoryLimits()), threading.Event()
    recorder._thread.submit(busy.wait)  # noqa: SLF001 - a thread that has other work
    for _ in range(2):
        recorder.take(STEP, live=True)
    busy.set()
    recorder.stop(finish=True)
    assert len(list(HistoryFiles(tmp_path, lambda: None).steps())) == 1
    assert recorder._metrics.steps.get_value().value == 1  # noqa: SLF001 - what it counts into


def test_our_own_metrics_are_part_of_a_step_whatever_their_sources_wait_for(
    tmp_path: Path, network: NetworkCollector
) -> None:
    """A step is taken with the network held, and a source may wait for it: each step took a second more, without it."""
    family = Family("fog_asked", MetricType.GAUGE)

    def asked() -> list[FamilySnapshot]:
        with network.lock:
            return [FamilySnapshot(family, [SeriesSnapshot((), 7)])]

    network.own.add_source(asked)
    recorder = recorder_on(tmp_path, network, HistoryLimits())
    with network.lock:
        recorder.take(STEP, live=True)
    recorder.stop(finish=True)
    [step] = HistoryFiles(tmp_path, lambda: None).steps()
    assert (("__name__", "fog_asked"),) in step.levels[WHOLE].table.labels
