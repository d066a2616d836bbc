"""The state file of an agent: on the disk before a frame is sent, one agent's, and never worse than none."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fog_agent import Agent
from fog_agent.core.outside_totals import MAX_VANISHED, OutsideTotals, TotalsError
from fog_agent.core.writer import Encoded
from fog_agent.edge.state_file import StateDirError, StateFile
from fog_bus.memory import Fate, MemoryBus
from fog_testing.fleet import Fleet
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.foreign.readings import FamilyReadings, Mark, Reading
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, HistogramValue, SeriesSnapshot

PATH = ("fog", "0")
COUNTER = Family("c_total", MetricType.COUNTER)
HISTOGRAM = Family("h", MetricType.HISTOGRAM, bounds=(0.1, 1.0))


def mark(number: float, label: str = "", family: Family = COUNTER, order: int = 1) -> Mark:
    """Make a mark."""
    value = HistogramValue((1, 2, 3), number) if family is HISTOGRAM else number
    return Mark(family, (("l", label),), order, Reading(value, 5.5, "boot"), 7.25)


def frame(*marks: Mark, completes: bool = False) -> Encoded:
    """Make a frame that stands on some readings."""
    return Encoded(1, b"", completes, marks=marks)


def opened(directory: Path, errors: list[int] | None = None) -> StateFile:
    """Open the file of a path."""
    return StateFile(directory, PATH, lambda: (errors if errors is not None else []).append(1))


async def lives(state_dir: Path | None) -> list[float]:
    """Let an agent live three times beside a counter at 1000; return the fleet's total after each."""
    outside, found, bus = 1000, [], MemoryBus()

    def read() -> list[FamilySnapshot]:
        return [FamilySnapshot(Family("outside_total", MetricType.COUNTER), [SeriesSnapshot((), outside)])]

    async with Fleet(bus=bus) as fleet:
        for _ in range(3):
            outside += 1
            collector = TelemetryCollector()
            collector.add_source(read, since="outside")
            agent = Agent(collector, path="fog/0", bus=bus, interval=0.1, state_dir=state_dir)
            await agent.start()
            assert await agent.flush()
            outside += 10
            assert await agent.stop()
            outside += 100
            await fleet.settle()
            found.append(fleet.value("outside_total"))
    return found


async def test_a_total_outside_is_counted_once_however_often_the_agent_is_restarted(tmp_path: Path) -> None:
    """Its first reading ever is the baseline (1001); then 10 in each life, and 101 while it was away."""
    assert await lives(tmp_path) == [10, 10 + 101 + 10, 10 + 101 + 10 + 101 + 10]


async def test_without_a_state_directory_each_life_begins_anew() -> None:
    """Counts in between are missing, and nothing is counted twice."""
    assert await lives(None) == [10, 20, 30]


async def test_a_frame_is_sent_after_its_readings_are_on_the_disk(tmp_path: Path) -> None:
    """An agent that is killed between the two loses what one frame told; the other order would count it twice."""
    bus, collector, outside = MemoryBus(), TelemetryCollector(), 1000
    seen: list[bool] = []
    collector.add_source(lambda: [FamilySnapshot(COUNTER, [SeriesSnapshot((), outside)])], since="outside")

    def fate(_: str) -> Fate:
        [file] = tmp_path.glob("totals-fog.0-*[0-9a-f]")
        readings = OutsideTotals.decode(file.read_bytes())[1]
        seen.append(readings["c_total", ()].series[()].value == outside)
        return Fate.STORED

    bus.fate = fate
    async with Agent(collector, path="fog/0", bus=bus, interval=60, state_dir=tmp_path) as agent:
        for outside in (1005, 1007):  # noqa: B007 - the source reads it
            assert await agent.flush()
    assert len(seen) >= 3
    assert all(seen)


def test_what_was_remembered_is_read_again(tmp_path: Path) -> None:
    """Numbers exactly; for its owner alone."""
    with_fractions = 0.1 + 0.2
    file = opened(tmp_path / "new")
    file.remember(frame(mark(2**62, "ü\ud800"), mark(with_fractions, "b"), mark(3.5, family=HISTOGRAM)))
    file.remember(frame(mark(2**62 + 1, "ü\ud800")))
    file.close()
    assert opened(tmp_path / "new").readings == {
        ("c_total", ()): FamilyReadings(
            7.25,
            {
                (("l", "ü\ud800"),): Reading(2**62 + 1, 5.5, "boot"),
                (("l", "b"),): Reading(with_fractions, 5.5, "boot"),
            },
        ),
        ("h", (0.1, 1.0)): FamilyReadings(7.25, {(("l", ""),): Reading(HistogramValue((1, 2, 3), 3.5), 5.5, "boot")}),
    }
    for path in ((tmp_path / "new"), *(tmp_path / "new").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_two_agents_of_one_file_are_noticed(tmp_path: Path) -> None:
    """The second says what to do, and the first goes on; another path has another file."""
    bus = MemoryBus()
    first, second, other = (
        Agent(TelemetryCollector(), path=path, bus=bus, interval=0.1, state_dir=tmp_path)
        for path in ("fog/0", "fog/0", "fog/1")
    )
    async with first, other:
        with pytest.raises(StateDirError, match="another agent has it, and two would count the same totals"):
            await second.start()
        assert await first.flush()
    async with second:
        assert await second.flush()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:-3],
        lambda data: data.replace(b"1000", b"2000"),
        lambda data: b"\x80" + data,
        lambda data: data.replace(b'"version":1', b'"version":2'),
        lambda data: b"[1]\n" + data,
    ],
)
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """With a word: to know nothing is a new baseline, to believe it would be a wrong count."""
    file = opened(tmp_path)
    file.remember(frame(mark(1000)))
    file.close()
    [path] = tmp_path.glob("totals-*[0-9a-f]")
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    assert opened(tmp_path).readings == {}
    assert path.with_name(path.name + ".damaged").read_bytes() == damaged
    assert "is not used: " in caplog.text
    with pytest.raises(TotalsError):
        OutsideTotals.decode(damaged)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """At the start, with the reason."""
    tmp_path.chmod(0o500)
    with pytest.raises(StateDirError, match="cannot keep an agent's state: Permission denied"):
        opened(tmp_path / "new")


def test_a_file_that_cannot_be_written_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is outdated then, and would have counts be counted again. Each failure is counted, and logged once."""
    errors: list[int] = []
    file = opened(tmp_path, errors)
    file.remember(frame(mark(1000)))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("fog_agent.edge.state_file.replace_file", fail)
        for number in (1001, 1002):
            file.remember(frame(mark(number)))
    assert list(tmp_path.glob("totals-*[0-9a-f]")) == []
    assert (len(errors), caplog.text.count("cannot be written: [Errno 28] No space left")) == (2, 1)
    file.remember(frame(mark(5, "b")))
    file.close()
    assert opened(tmp_path).readings["c_total", ()].series[("l", ""),].value == 1002, "all of it, once it can"


async def test_a_state_directory_that_fails_stops_no_agent(tmp_path: Path) -> None:
    """The counts go on, and `fog_agent_state_errors_total` with them."""
    bus, outside = MemoryBus(), 1000
    collector = TelemetryCollector()
    collector.add_source(lambda: [FamilySnapshot(COUNTER, [SeriesSnapshot((), outside)])], since="outside")
    async with Fleet(bus=bus) as fleet:
        agent = Agent(collector, path="fog/0", bus=bus, interval=0.1, state_dir=tmp_path / "state")
        await agent.start()
        assert await agent.flush()
        await fleet.settle()
        for file in (tmp_path / "state").iterdir():
            file.unlink()
        (tmp_path / "state").rmdir()
        (tmp_path / "state").write_text("a file where the directory was", encoding="utf-8")
        outside += 5
        await eventually(lambda: fleet.value("fog_agent_state_errors_total") > 0, what="an error")
        assert await agent.stop()
        await fleet.settle()
        assert fleet.value("c_total") == 5


def test_series_that_vanished_are_forgotten_at_last() -> None:
    """The oldest first, with a keyframe that has them no more: a host makes and removes interfaces all day."""
    totals = OutsideTotals()
    for number in range(MAX_VANISHED + 50):
        totals.take([mark(1, f"{number}"), mark(1, "stays")], completes=True)
    _, readings = OutsideTotals.decode(b"".join(totals.chunks()))
    labels = {label for ((_, label),) in readings["c_total", ()].series}
    assert len(labels) == MAX_VANISHED + 2
    assert {"stays", "49", f"{MAX_VANISHED + 49}"} <= labels
    assert "48" not in labels


def test_more_series_than_fit_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have a new baseline in the next life: less is counted, never more."""
    monkeypatch.setattr("fog_agent.core.outside_totals.MAX_SERIES", 2)
    totals = OutsideTotals()
    totals.take([mark(1, label) for label in "abc"], completes=False)
    totals.take([mark(2, label) for label in "abc"], completes=False)
    _, readings = OutsideTotals.decode(b"".join(totals.chunks()))
    assert {label: reading.value for ((_, label),), reading in readings["c_total", ()].series.items()} == {
        "a": 2,
        "b": 2,
    }
    assert totals.refused == 2


def test_an_earlier_series_of_the_same_labels_says_nothing_more() -> None:
    """One that ended is told again for a while: its readings are older than its successor's."""
    totals = OutsideTotals()
    totals.take([mark(3, order=2), mark(500, order=1)], completes=False)
    _, readings = OutsideTotals.decode(b"".join(totals.chunks()))
    assert readings["c_total", ()].series[("l", ""),].value == 3


async def test_a_program_that_goes_to_another_folder_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a daemon does: the next life, which begins where the first did, knows what was told there."""
    (tmp_path / "other").mkdir()
    outside, bus = 1000, MemoryBus()

    def read() -> list[FamilySnapshot]:
        return [FamilySnapshot(COUNTER, [SeriesSnapshot((), outside)])]

    async with Fleet(bus=bus) as fleet:
        for _ in range(2):
            monkeypatch.chdir(tmp_path)
            collector = TelemetryCollector()
            collector.add_source(read, since="outside")
            async with Agent(collector, path="fog/0", bus=bus, interval=0.1, state_dir="state") as agent:
                assert await agent.flush()
                monkeypatch.chdir(tmp_path / "other")
                outside += 10
        await fleet.settle()
        assert fleet.value("c_total") == 20
