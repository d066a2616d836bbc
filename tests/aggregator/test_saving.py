"""Checkpoint files: what cannot be used is set aside with a word, and the one before it is used."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fog_aggregator.components.checkpoints import saving
from fog_aggregator.components.checkpoints.directory import StateDirError
from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.components.checkpoints.saving import Checkpoints
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.checkpoint import VERSION, Image, claimed_version, take_image
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import Loops
from fog_bus.ports import Position
from fog_schema.subjects import Subjects
from fog_testing.waiting import eventually
from tests.aggregator.fleet import Fleet
from tests.aggregator.reframing import contents, reframed
from utilityfog_frontend.telemetry import TelemetryCollector

POSITIONS = {"FOG_METRICS": Position("then", 7, 8)}


def saved(directory: Path, *, counts: int) -> Image:
    """Return a checkpoint of a fleet that has counted so much, in a file."""
    fleet = Fleet()
    fleet.join("fog/0").collector.register_counter("work_total", "Work").increment(counts)
    fleet.send()
    image = take_image(fleet.state, fleet.events, Ratchet(), POSITIONS, ("fog.v1", (), ()))
    with CheckpointFiles(directory) as checkpoints:
        checkpoints.save(image)
    return image


def files(directory: Path, pattern: str = "checkpoint-*.fog") -> list[Path]:
    """Return the checkpoints, oldest first."""
    return sorted(directory.glob(pattern))


def engine_of(network: NetworkCollector) -> Engine:
    """Make an engine that has read nothing."""
    scope = Scope(subjects=Subjects(), metrics="FOG_METRICS", events="FOG_EVENTS", rollups="FOG_ROLLUPS")
    around = Surroundings(
        network, SelfMetrics(TelemetryCollector(self_metrics=False, reserved_names=True)), lambda *_: None
    )
    return Engine(scope, network.fleet, network.events, around)


async def restored(directory: Path) -> tuple[float, dict[str, Position]]:
    """Return the count and the positions that an aggregator goes on from; (0, {}) without a checkpoint."""
    network = Fleet().network
    config = AggregatorConfig(state_dir=directory)
    engine = engine_of(network)
    checkpoints = Checkpoints(config, engine, network, SelfMetrics(network.own), Loops())
    await checkpoints.start()
    metric = network.get_metric("work_total")
    count = metric.get_value().value if metric is not None else 0  # type: ignore[union-attr]
    await checkpoints.stop(1.0)
    return count, engine.positions


async def test_the_newest_is_used(tmp_path: Path) -> None:
    """Two are kept; an aggregator goes on from the later one and from its positions."""
    for counts in (1, 2, 3):
        saved(tmp_path, counts=counts)
    assert len(files(tmp_path)) == 2
    assert await restored(tmp_path) == (3, POSITIONS)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
async def test_a_damaged_one_is_set_aside(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with its bytes, the one before it is used, and the damaged one is kept to look at."""
    saved(tmp_path, counts=1)
    saved(tmp_path, counts=2)
    newest = files(tmp_path)[-1]
    whole = newest.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    newest.write_bytes({"cut": whole[:middle], "flipped": flipped, "empty": b""}[damage])
    assert await restored(tmp_path) == (1, POSITIONS)
    assert files(tmp_path, "*.corrupt") == [newest.with_suffix(".corrupt")]
    assert f"checkpoint {newest} is not used" in caplog.text


async def test_one_of_another_shape_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whole, of the same version, and yet not what this program reads: it is not fatal, and leaves nothing behind."""
    saved(tmp_path, counts=1)
    image = saved(tmp_path, counts=2)
    image.plain["parts"]["tombstones"]["stones"] = [(("fog", "0"), 5)]
    with CheckpointFiles(tmp_path) as directory:
        directory.save(image)
    assert await restored(tmp_path) == (2, POSITIONS)
    assert "its inside is wrong" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        dict.clear,
        lambda head: head.pop("plain"),
        lambda head: head.update(plain=[]),
        lambda head: head["plain"].pop("scope"),
        lambda head: head["plain"].update(scope=7),
        lambda head: head["plain"].update(streams=[1]),
        lambda head: head.update(arrays=7),
        lambda head: head.update(arrays=[["a", "no such type", [1]]]),
        lambda head: head.update(arrays=[["a", "<i8", [2**40]]]),
        lambda head: head.update(arrays=[["a", "O", [1]]]),
        lambda head: head.update(version="5"),
        lambda head: head.update(version=None),
    ],
)
async def test_a_wrong_inside_is_damage(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A right checksum around a missing key, a wrong type or a wrong length: set aside, and the one before is used."""
    saved(tmp_path, counts=1)
    saved(tmp_path, counts=2)
    newest = files(tmp_path)[-1]
    newest.write_bytes(reframed(newest.read_bytes(), change))
    assert await restored(tmp_path) == (1, POSITIONS)
    assert files(tmp_path, "*.corrupt") == [newest.with_suffix(".corrupt")]


async def test_three_damaged_ones_are_kept(tmp_path: Path) -> None:
    """The newest three; their numbers are not used again, so that none replaces another."""
    for _ in range(5):
        saved(tmp_path, counts=1)
        newest = files(tmp_path)[-1]
        newest.write_bytes(b"damaged")
        await restored(tmp_path)
        for file in files(tmp_path):
            file.unlink()
    numbers = [int(file.stem.removeprefix("checkpoint-")) for file in files(tmp_path, "*.corrupt")]
    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 1


@pytest.mark.parametrize("earlier", [True, False])
async def test_one_of_a_later_version_is_left_alone(tmp_path: Path, *, earlier: bool) -> None:
    """Also where the newest file is one that this program reads: it refuses to start, and changes nothing."""
    saved(tmp_path, counts=1)
    saved(tmp_path, counts=2)
    later = files(tmp_path)[0 if earlier else 1]
    later.write_bytes(reframed(later.read_bytes(), lambda head: head.update(version=VERSION + 2)))
    (tmp_path / "checkpoint-000000000009.7.tmp").write_bytes(b"of a child that was killed")
    (tmp_path / "lock").unlink()
    before = contents(tmp_path)
    with pytest.raises(StateDirError, match=f"version {VERSION + 2}, and this program reads versions up to {VERSION}"):
        await restored(tmp_path)
    assert contents(tmp_path) == before


async def test_a_damaged_one_that_seems_to_be_later(tmp_path: Path) -> None:
    """A flipped bit in the version is damage as any other."""
    saved(tmp_path, counts=1)
    saved(tmp_path, counts=2)
    newest = files(tmp_path)[-1]
    whole = newest.read_bytes()
    at = whole.index(b"version") + len("version")
    newest.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
    assert claimed_version(newest.read_bytes()[:64]) > VERSION
    assert await restored(tmp_path) == (1, POSITIONS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_one_that_may_not_be_read_is_no_damage(tmp_path: Path) -> None:
    """It is whole for somebody else: nothing is set aside."""
    saved(tmp_path, counts=1)
    files(tmp_path)[0].chmod(0)
    with pytest.raises(StateDirError, match="cannot be read"):
        await restored(tmp_path)
    assert len(files(tmp_path)) == 1


async def test_a_disk_that_cannot_read_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before is used."""
    saved(tmp_path, counts=1)
    saved(tmp_path, counts=2)
    newest, real = files(tmp_path)[-1], Path.open

    def fail(self: Path, mode: str = "r", *others: Any) -> Any:
        if self == newest:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, mode, *others)

    monkeypatch.setattr(Path, "open", fail)
    assert await restored(tmp_path) == (1, POSITIONS)
    assert files(tmp_path, "*.corrupt") == [newest.with_suffix(".corrupt")]


async def test_without_any_it_begins_with_nothing(tmp_path: Path) -> None:
    """An empty directory is made, and no checkpoint is no error."""
    assert await restored(tmp_path / "new") == (0, {})


async def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """A number that has no place in the file, whoever let it in: no temporary file stays, and the last one does."""
    image = saved(tmp_path, counts=1)
    image.plain["folded_early"] = 2**64
    with CheckpointFiles(tmp_path) as checkpoints:
        with pytest.raises(OverflowError):
            checkpoints.save(image)
        with pytest.raises(OSError, match="out of range"):
            await checkpoints.begin(lambda: image).finished()
        with pytest.raises(OSError, match="out of range"):
            checkpoints.begin(lambda: image, is_small=True)
        assert (len(files(tmp_path)), files(tmp_path, "*.tmp")) == (1, [])


async def test_a_small_state_is_what_it_was_when_writing_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is packed at once, without a child: frames that come while a thread writes are not in it."""
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it forks"))
    image = saved(tmp_path, counts=1)
    before = b"".join(image.chunks())
    with CheckpointFiles(tmp_path) as checkpoints:
        writing = checkpoints.begin(lambda: image, is_small=True)
        for array in image.arrays.values():
            array.fill(0)
        written = await writing.finished()
    assert written.size == len(before)
    assert files(tmp_path)[-1].read_bytes() == before


async def test_what_the_last_one_took_decides_who_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first checkpoint of a run is a child's; a small one after it is not, until the state has grown."""
    asked: list[bool] = []
    begin = CheckpointFiles.begin

    def watch(self: CheckpointFiles, take: Any, *, is_small: bool = False) -> Any:
        asked.append(is_small)
        return begin(self, take, is_small=is_small)

    monkeypatch.setattr(CheckpointFiles, "begin", watch)
    network, most = Fleet().network, saving.SMALL_SLOTS
    metrics, config = SelfMetrics(network.own), AggregatorConfig(state_dir=tmp_path)
    checkpoints = Checkpoints(config, engine_of(network), network, metrics, Loops())
    await checkpoints.start()
    with CheckpointFiles(tmp_path / "other") as other:
        for count in (0, 0, most + 1):
            monkeypatch.setattr(type(network.fleet), "slot_count", count)
            await checkpoints._save(other)  # noqa: SLF001 - the loop waits ten seconds
    await checkpoints.stop(0.0)
    assert asked == [False, True, False]


async def test_a_child_that_is_killed_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by the kernel, when memory runs out: it cannot clean up any more, so its parent does."""
    image = saved(tmp_path, counts=1)

    def die(_image: Image) -> Iterator[bytes]:
        yield b"FOGCKPT1"
        assert files(tmp_path, "*.tmp")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Image, "chunks", die)
    with CheckpointFiles(tmp_path) as checkpoints:
        with pytest.raises(OSError, match="ended without a word"):
            await checkpoints.begin(lambda: image).finished()
        assert (len(files(tmp_path)), files(tmp_path, "*.tmp")) == (1, [])


def never_ends(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let children that are forked from now on write for ever; those after the list is emptied do not."""
    real, parent, hanging = Image.chunks, os.getpid(), [True]

    def chunks(image: Image) -> Iterator[bytes | memoryview]:
        yield b"FOGCKPT1"
        while hanging and os.getppid() == parent:
            time.sleep(0.02)
        yield from real(image)

    monkeypatch.setattr(Image, "chunks", chunks)
    return hanging


def saving_in(directory: Path) -> tuple[Checkpoints, SelfMetrics]:
    """Return what saves an empty fleet, and its metrics."""
    network = Fleet().network
    metrics = SelfMetrics(network.own)
    return Checkpoints(AggregatorConfig(state_dir=directory), engine_of(network), network, metrics, Loops()), metrics


async def test_a_child_that_never_ends_does_not_keep_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed, its file is gone, it counts as no failure, and the last checkpoint is written after it."""
    hanging = never_ends(monkeypatch)
    checkpoints, metrics = saving_in(tmp_path)
    monkeypatch.setattr(checkpoints, "_has_unsaved", lambda: True)
    monkeypatch.setattr(checkpoints._schedule, "due_at", lambda _: 0.0)  # noqa: SLF001 - it waits ten seconds
    await checkpoints.start()
    await eventually(lambda: files(tmp_path, "*.tmp"), what="a child writes")
    child = int(files(tmp_path, "*.tmp")[0].suffixes[0].removeprefix("."))
    hanging.clear()
    await asyncio.wait_for(checkpoints.stop(1.0), 30)
    assert (len(files(tmp_path)), files(tmp_path, "*.tmp")) == (1, [])
    results = {value.labels["result"]: value.value for value in metrics.checkpoints.written.get_value()}
    assert results == {"written": 1, "failed": 0}
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert await restored(tmp_path) == (0, {})


async def test_a_last_child_that_never_ends_does_not_keep_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The last checkpoint has its time; then the one before stays, and the directory is another's."""
    saved(tmp_path, counts=1)
    checkpoints, _ = saving_in(tmp_path)
    await checkpoints.start()
    never_ends(monkeypatch)
    monkeypatch.setattr(saving, "LAST_PATIENCE", 0.3)
    await asyncio.wait_for(checkpoints.stop(1.0), 30)
    assert "the last checkpoint was not written within 0.3 s; the one before stays" in caplog.text
    assert (len(files(tmp_path)), files(tmp_path, "*.tmp")) == (1, [])
    CheckpointFiles(tmp_path).close()


async def test_a_child_that_cannot_write_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The aggregator lives on, says so, and the checkpoint from before is still there."""
    saved(tmp_path, counts=1)
    network = Fleet().network

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CheckpointFiles, "save", fail)
    metrics = SelfMetrics(network.own)
    checkpoints = Checkpoints(AggregatorConfig(state_dir=tmp_path), engine_of(network), network, metrics, Loops())
    await checkpoints.start()
    await checkpoints.stop(1.0)
    results = {value.labels["result"]: value.value for value in metrics.checkpoints.written.get_value()}
    assert results == {"written": 0, "failed": 1}
    assert metrics.checkpoints.failures == 1
    assert len(files(tmp_path)) == 1


def test_a_lock_that_becomes_free_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed aggregator's child, forked the moment before, lets go of the lock as the first thing it does."""
    killed = CheckpointFiles(tmp_path)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        killed.close()

    monkeypatch.setattr("fog_aggregator.components.checkpoints.files.time.sleep", pause)
    with CheckpointFiles(tmp_path):
        assert len(pauses) == 1


def test_nobody_else_may_read_a_checkpoint(tmp_path: Path) -> None:
    """Whatever the umask is, and the folder's mode: it has the numbers of the whole fleet."""
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        saved(tmp_path, counts=1)
    finally:
        os.umask(before)
    assert [file.stat().st_mode & 0o777 for file in files(tmp_path)] == [0o600]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """One that somebody put where a checkpoint begins: it is gone, and the next one is written."""
    state, target = tmp_path / "state", tmp_path / "target"
    image = saved(state, counts=1)
    target.write_bytes(b"ours")
    with CheckpointFiles(state) as checkpoints:
        link = state / f"checkpoint-000000000002.{os.getpid()}.tmp"
        link.symlink_to(target)
        with pytest.raises(OSError, match="symbolic links"):
            checkpoints.save(image)
        assert (target.read_bytes(), link.is_symlink()) == (b"ours", False)
        checkpoints.save(image)
    assert len(files(state)) == 2
