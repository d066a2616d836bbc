"""All that an aggregator holds stays within --memory: newcomers are refused and counted, and live series live on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path as FilePath

import pytest

from fog_aggregator import service
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.budget.division import MIB, MemoryTooSmallError, divide
from fog_aggregator.core.budget.newcomers import PATHS, SERIES, WRITERS
from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.sweeper import Sweeper
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.limits import FleetLimits, MemoryLimits
from fog_aggregator.kernels.cache import folder_for_kernels
from fog_aggregator.kernels.choice import COMPILED_BYTES, COMPILING_BYTES, Choice, has_room
from fog_aggregator.kernels.load import come_later
from fog_aggregator.memory.keeping import within_memory
from fog_aggregator.memory.machine import available_memory
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import EVERYTHING, TOGETHER
from fog_aggregator.service import Aggregator
from fog_bus.memory import MemoryBus
from fog_schema.codec import decode, encode
from fog_schema.columns import pack_ids, pack_ints
from fog_schema.frames import DELTA, Frame
from fog_schema.limits import MAX_PARTS
from fog_schema.paths import Path
from fog_schema.sections.field import Numbers
from fog_schema.subjects import Subjects
from tests.aggregator.filling import NOW, definition, keyframe, parts
from utilityfog_frontend.telemetry import TelemetryCollector

GOOD, EVIL = ("fog", "good"), ("fog", "evil")


def limited(mebibytes: float, share: float = 0.25) -> Fleet:
    """Return an empty fleet that may take so much."""
    return Fleet(limits=FleetLimits(memory=MemoryLimits(fleet=int(mebibytes * MIB), share=share)))


def counted(fleet: Fleet, path: Path, epoch: int, names: list[str], value: int, bounds: int = 0) -> int:
    """Let a node send a keyframe with a counter of each label; return how many of its series were refused."""
    edges = tuple(float(n) for n in range(bounds))
    frame = keyframe(epoch, [definition("work_total", names)] if not bounds else [definition("size", names, edges)])
    if not bounds:
        frame.counters = Numbers(pack_ids(range(1, len(names) + 1)), pack_ints([value] * len(names)))
    return fleet.apply(path, decode(encode(frame)), NOW).refused_series


def shown(fleet: Fleet) -> dict[str, float]:
    """Return the counters of the whole fleet by their label."""
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    families = NetworkCollector(fleet, EventList(), own, lambda: NOW).collect(EVERYTHING, TOGETHER)
    found = [one for one in families if one.family.name in {"work_total", "work"}]
    return {series.labels[0][1]: float(str(series.value)) for one in found for series in one.series}


@pytest.mark.parametrize("mebibytes", [256])
def test_what_fills_every_limit_at_once_stays_below_the_memory(mebibytes: int) -> None:
    """Series, labels, bounds, events, families, nodes, epochs and parts without end, in a process of their own.

    History and past are empty there, so that everything else must leave them their parts. While it is full a live
    node still counts, and the whole fleet is shown.
    """
    command = [sys.executable, "-m", "tests.aggregator.filling", str(mebibytes)]
    root = FilePath(__file__).parents[2]
    out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=os.environ, timeout=240)
    told = json.loads(out.stdout)
    assert told["peak"] < told["limit"] - told["beside"], told
    assert sum(told["bytes"].values()) <= told["limit"], told
    assert told["victim"], told
    assert told["answers_at_once"] >= 1, told
    assert all(told["refused"][what] for what in ("path", "writer", "series")), told
    assert told["named"], told


def test_a_keyframe_that_does_not_fit_is_refused_series_by_series() -> None:
    """Of 2,000 histograms of 256 bounds as many come as fit; the epoch is complete, and other nodes count on."""
    fleet = limited(32)
    assert counted(fleet, GOOD, 1, ["a"], 1) == 0
    names = [str(n) for n in range(1000)]
    refused = sum(counted(fleet, EVIL, epoch, names, 0, bounds=256) for epoch in (1, 2))
    held = fleet.slot_count
    assert held + refused == 2001
    assert 100 < held < 1000
    assert fleet.parts.budget.refused[SERIES] == refused
    assert not any(epoch.gapped for epoch in fleet.places[EVIL].epochs.values())
    delta = Frame(DELTA, 1, 2, counters=Numbers(pack_ids([1]), pack_ints([4])))
    fleet.apply(GOOD, decode(encode(delta)), NOW)
    assert shown(fleet) == {"a": 5}


def test_a_path_has_its_share_and_no_more() -> None:
    """One that has it is refused while there is room, is named with the reason, and another one may still come."""
    fleet, events, sweeper = limited(32, share=0.1), EventList(), Sweeper(Accounts(Subjects()))
    for n in range(1, 30):
        counted(fleet, EVIL, n, [f"{n}_{i}" for i in range(500)], 1)
    assert 1000 < fleet.series_count < 6000
    assert fleet.parts.budget.refused[SERIES]
    assert fleet.parts.budget.refused[WRITERS] > 10
    assert fleet.parts.budget.room > 12 * MIB
    assert counted(fleet, GOOD, 1, [f"good{i}" for i in range(500)], 1) == 0
    assert fleet.take_refused() == {EVIL: True}
    counted(fleet, EVIL, 99, [f"more{i}" for i in range(500)], 1)
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(fleet, events, own, lambda: NOW)
    findings = sweeper.sweep(fleet, events, network, 0.0, NOW)
    assert [event.name for event in events.events] == ["memory_share_is_full"]
    assert any("fog/evil" in warning for warning in findings.warnings)


def test_at_the_bound_new_paths_are_refused_and_live_series_stay() -> None:
    """Paths come until the memory is taken; those that came send on, and a path that is known may begin anew."""
    fleet, known = limited(18, share=1.0), list[Path]()
    for n in range(3000):
        path = ("fog", str(n))
        if not fleet.parts.budget.refused[PATHS]:
            known.append(path)
        counted(fleet, path, 1, ["a"], 1)
    assert len(known) - 1 == len(fleet.places) < 2900
    assert fleet.parts.budget.refused[PATHS] == 3000 - len(fleet.places)
    assert fleet.parts.budget.room >= 0
    assert shown(fleet) == {"a": len(fleet.places)}
    assert counted(fleet, known[0], 2, ["a"], 1) == 0
    assert shown(fleet) == {"a": len(fleet.places) + 1}


def test_a_smaller_memory_than_a_checkpoint_takes_no_newcomers() -> None:
    """All that was counted is there, what is known counts on, and nobody new comes."""
    before = limited(64)
    for n in range(2000):
        counted(before, ("fog", str(n)), 1, ["a", "b"], 1)
    image = b"".join(take_image(before, EventList(), Ratchet(), {}, ("fog.v1", (), ())).chunks())
    after = limited(17)
    restore(read_image(image), after, EventList(), Ratchet())
    assert after.parts.budget.room < 0
    assert shown(after) == {"a": 2000, "b": 2000}
    counted(after, ("fog", "new"), 1, ["a"], 1)
    delta = Frame(DELTA, 1, 2, counters=Numbers(pack_ids([1]), pack_ints([4])))
    after.apply(("fog", "7"), decode(encode(delta)), NOW)
    assert (shown(after), after.parts.budget.refused[PATHS]) == ({"a": 2004, "b": 2000}, 1)


def test_what_is_charged_is_the_same_after_a_restart() -> None:
    """Bytes are counted by what there is, not by what happened."""
    before = limited(64)
    for n in range(50):
        counted(before, ("fog", str(n)), 1, [f"{n}", "b"], 1)
        counted(before, ("fog", str(n)), 2, ["x"], 1, bounds=n % 7 + 1)
    image = b"".join(take_image(before, EventList(), Ratchet(), {}, ("fog.v1", (), ())).chunks())
    after = limited(64)
    restore(read_image(image), after, EventList(), Ratchet())
    used, again = before.parts.budget.used, after.parts.budget.used
    assert {name: size for name, size in used.items() if name != "values"} == {
        name: size for name, size in again.items() if name != "values"
    }
    assert again["values"] <= used["values"]  # columns have no spare rows


def test_parts_of_a_keyframe_do_not_pile_up() -> None:
    """A writer that repeats the same ids in part after part has no keyframe; its ids are not kept."""
    fleet, frames = Fleet(), parts("fog.evil")
    for _ in range(20):
        fleet.apply(EVIL, next(frames), NOW)
        run = fleet.places[EVIL].epochs[7].run
        assert run is None or sum(len(ids) for _, ids in run.ids) <= 2000
    assert MAX_PARTS > 20


def test_memory_is_divided_with_nothing_left_over() -> None:
    """The parts are all of it, and too little is refused with a size that is enough."""
    division = divide(1024 * MIB, 70 * MIB, 256 * MIB, 64 * MIB)
    held = (division.program, division.history, division.past, division.events, division.caches, division.state)
    assert sum(held) == division.total == 1024 * MIB
    with pytest.raises(MemoryTooSmallError, match="--memory 181MiB or more"):
        divide(100 * MIB, 76 * MIB, 256 * MIB, 64 * MIB)
    assert divide(181 * MIB, 76 * MIB, 256 * MIB, 64 * MIB).state > 0


_SWAY = 40 * MIB
"""By less the resident memory goes up and down while nothing is taken."""


def test_what_kernels_take_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: FilePath) -> None:
    """Numba with its compiler takes 107 MiB, and 200 where it compiles: the fleet gets what is left beside it.

    Also while they are to come.
    """
    pytest.importorskip("numba", reason="without numba there are no kernels to come")
    taken: list[bytearray] = []

    def made_at_once(config: AggregatorConfig) -> tuple[None, int]:
        del config
        taken.append(bytearray(b"\x01") * (96 * MIB))
        return None, 0

    def program(choice: Choice) -> int:
        memory = Aggregator(
            AggregatorConfig(memory=8192 * MIB, state_dir=None, kernels=choice), MemoryBus()
        ).status.memory()
        return int(memory["bytes"]["program"])  # type: ignore[index]

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    without = program(Choice.NUMPY)
    assert program(Choice.AUTO) - without > COMPILING_BYTES - _SWAY
    (folder_for_kernels(None) / "kept.nbi").touch()
    assert abs(program(Choice.AUTO) - without - COMPILED_BYTES) < _SWAY
    monkeypatch.setattr(service, "_kernels", made_at_once)
    assert program(Choice.NUMPY) - without > 90 * MIB


def test_compiled_kernels_leave_half_to_the_fleet() -> None:
    """A machine of 512 MiB, where an aggregator takes 256, has no room; where there is room, the fleet has some too."""
    program = 76 * MIB
    assert not has_room(256 * MIB, program)
    least = 2 * (program + COMPILED_BYTES)
    assert [has_room(memory, program) for memory in (least - 1, least, 2**40)] == [False, True, True]
    assert divide(least, program + COMPILED_BYTES, 2**40, 2**40).state > 0


@pytest.mark.parametrize("choice", Choice)
def test_auto_is_numpy_where_memory_is_short(choice: Choice, caplog: pytest.LogCaptureFixture) -> None:
    """The log says so; who asks for compiled kernels has them, and is refused by the division of the memory."""
    pytest.importorskip("numba", reason="without numba there is no choice")
    caplog.set_level("INFO")
    assert not come_later(choice, 64 * MIB, 60 * MIB)
    assert ("numpy merges frames: of 64 MiB of memory" in caplog.text) == (choice is Choice.AUTO)
    assert (come_later(choice, 8192 * MIB, 60 * MIB) > 0) == (choice is Choice.AUTO)


def test_compiling_leaves_half_to_the_fleet(monkeypatch: pytest.MonkeyPatch, tmp_path: FilePath) -> None:
    """Where the compiler has to work its memory counts as well: the fleet would be too large beside it."""
    pytest.importorskip("numba", reason="without numba nothing is compiled")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    least = 2 * (60 * MIB + COMPILING_BYTES)
    assert come_later(Choice.AUTO, least, 60 * MIB) == COMPILING_BYTES
    assert not come_later(Choice.AUTO, least - 1, 60 * MIB)
    (folder_for_kernels(None) / "kept.nbi").touch()
    assert come_later(Choice.AUTO, least - 1, 60 * MIB) == COMPILED_BYTES


def test_options_keep_to_their_part() -> None:
    """History and past take at most their part of the memory, whatever their options say."""
    config, division = within_memory(AggregatorConfig(memory=8192 * MIB, history_memory=2**40, past_memory=1000))
    assert (config.history_memory, config.past_memory) == (1024 * MIB, 1000)
    assert division.total == 8192 * MIB


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/a/b\n", {"a/memory.max": "1000", "a/b/memory.max": "2000"}, 1000),
        ("0::/a/b\n", {"a/memory.max": "max", "a/b/memory.max": "2000"}, 2000),
        ("0::/gone\n", {"memory.max": "3000"}, 3000),
        ("5:cpu,memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "4000"}, 4000),
        ("0::/a\n", {}, None),
    ],
)
def test_the_least_limit_of_all_cgroups_counts(
    tmp_path: FilePath, own: str, files: dict[str, str], limit: int | None
) -> None:
    """In version 2 and in version 1; without any it is the machine's memory."""
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    found = available_memory(tmp_path / "fs", tmp_path / "own")
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found == limit if limit is not None else MIB < found <= machine


def test_forgotten_writers_come_back_when_there_is_room_for_their_values() -> None:
    """They are there twice then, as their path counts what comes from then on. One that is refused loses nothing."""
    fleet, series, epochs = limited(24, share=1.0), [f"s{n}" for n in range(1000)], range(1, 13)
    for epoch in epochs:
        counted(fleet, GOOD, epoch, series, 5)
    assert fleet.forget(GOOD, NOW + 7200.0, 3600.0) == [GOOD]
    n = 0
    while fleet.parts.budget.room_for_paths > 100_000:
        n += 1
        counted(fleet, ("fog", str(n)), 1, series[:300], 1)
    four = Numbers(pack_ids([1]), pack_ints([4]))
    deltas = [decode(encode(Frame(DELTA, epoch, 2, counters=four))) for epoch in epochs]
    assert Status.REFUSED in {fleet.apply(GOOD, delta, NOW).status for delta in deltas}
    assert fleet.parts.budget.room >= 0
    fleet.parts.budget.limit += 64 * MIB
    assert {fleet.apply(GOOD, delta, NOW).status for delta in deltas} <= {Status.APPLIED, Status.DUPLICATE}
    assert shown(fleet)["s0"] == len(epochs) * (5 + 4) + n
