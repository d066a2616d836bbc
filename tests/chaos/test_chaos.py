"""A short run of the chaos suite, and what its judge must not miss."""

from __future__ import annotations

import asyncio
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from fog_proving.chaos import arena, verdict
from fog_proving.chaos.accounts import Accounts, Life
from fog_proving.chaos.arena import Arena, Reader
from fog_proving.chaos.books import FRACTION, LEVEL, WHOLE, Book, Cell
from fog_proving.chaos.judge import FLEET, Scrape, Watch
from fog_proving.chaos.layout import BRANCHES, CLUSTER, TIERS, Layout, Scope
from fog_proving.chaos.plan import Plan
from fog_proving.chaos.processes import Child
from fog_proving.chaos.trial import Result, Trial
from fog_testing.waiting import wait_until

SEED = 1
FAULTS = ("kill_nodes", "kill_aggregator", "damage_checkpoint", "kill_server", "wipe_store", "cut", "deliver_again")
FIRST = BRANCHES[:1]
SITE = Layout({"root": Scope(branches=FIRST, apart=True), "b0": Scope(BRANCHES[0])}, FIRST, leaves=FIRST)
"""A hub with one site."""
QUIET = 50.0
LONGEST = 100.0
"""Seconds for a run; with its end less than a test may take, so that it tells what was wrong."""


@pytest.mark.usefixtures("forked")
async def test_a_short_run(tmp_path: Path) -> None:
    """Nodes, an aggregator and the server are killed, the store is wiped, frames come again: nothing is lost."""
    told: list[str] = []
    plan = Plan(SEED, 8.0, FAULTS, told.append)
    result = await _done(Trial(tmp_path, plan, fleets=2, size=4, tell=told.append, quiet=QUIET), told)
    assert result.findings == (), "\n".join((*told, *result.findings))
    assert result.lost == 0
    assert result.kills >= 4
    assert result.frames > 100
    assert result.scrapes


@pytest.mark.usefixtures("forked")
async def test_a_short_run_of_tiers(tmp_path: Path) -> None:
    """The same above branches, whose rollups are lost as well: the root says what all nodes have counted."""
    told: list[str] = []
    plan = Plan(SEED, 6.0, FAULTS, told.append)
    result = await _done(Trial(tmp_path, plan, fleets=3, size=2, layout=TIERS, tell=told.append, quiet=QUIET), told)
    assert result.findings == (), "\n".join((*told, *result.findings))
    assert result.lost == 0
    assert result.kills >= 3
    assert result.scrapes


@pytest.mark.usefixtures("forked")
async def test_a_short_run_of_a_cluster(tmp_path: Path) -> None:
    """Leaders are killed beside nodes and aggregators: all that was counted is there once there are leaders again."""
    told: list[str] = []
    plan = Plan(SEED, 5.0, ("kill_leader", "kill_nodes", "kill_aggregator", "cut"), told.append)
    result = await _done(Trial(tmp_path, plan, fleets=2, size=2, layout=CLUSTER, tell=told.append, quiet=QUIET), told)
    assert result.findings == (), "\n".join((*told, *result.findings))
    assert result.lost == 0
    assert result.kills >= 2
    assert result.scrapes


@pytest.mark.usefixtures("forked")
async def test_a_short_run_of_leaves(tmp_path: Path) -> None:
    """The hub or a site loses its server, and others connections: the root has all that was counted there."""
    told: list[str] = []
    plan = Plan(SEED, 3.0, ("kill_leaf", "kill_hub", "cut"), told.append)
    result = await _done(Trial(tmp_path, plan, fleets=1, size=2, layout=SITE, tell=told.append, quiet=QUIET), told)
    assert result.findings == (), "\n".join((*told, *result.findings))
    assert result.lost == 0
    assert result.kills >= 1
    assert result.scrapes


async def _done(trial: Trial, told: list[str]) -> Result:
    try:
        return await asyncio.wait_for(trial.run(), LONGEST)
    except TimeoutError as error:
        raise AssertionError("\n".join((*told, f"not done after {LONGEST:g} s: {error}"))) from error


def test_books_survive_their_writer(tmp_path: Path) -> None:
    """Another process reads the rows, whether or not their writer closed anything."""
    writer = Book.create(tmp_path / "book", 2).rows[1]
    writer.add(Cell.WHOLE, 3)
    writer.acknowledge(writer.counted)
    writer.add(Cell.WHOLE, 2)
    row = Book.open(tmp_path / "book").rows[1]
    assert (row.acknowledged[Cell.WHOLE], row.counted[Cell.WHOLE]) == (3, 5)
    writer.finish()
    assert row.acknowledged == row.counted


def test_what_must_and_what_may_be_there(tmp_path: Path) -> None:
    """Of a process that was killed what was acknowledged, at most what was counted; of one that ended well all."""
    accounts = Accounts()
    for number in range(3):
        child = Child("this", [], tmp_path / "log")
        child.kill()
        life = Life(number, "chaos/p", Book.create(tmp_path / f"{number}", 1), child if number else None)
        accounts.lives.append(life)
        row = life.book.rows[0]
        row.add(Cell.WHOLE, 10)
        row.acknowledge(row.counted)
        row.add(Cell.WHOLE, 5)
    accounts.lives[2].book.rows[0].finish()
    assert accounts.least(Scope())[FLEET, (WHOLE, "")] == 15 + 10 + 15
    assert accounts.most(Scope())["chaos/p/n0", (WHOLE, "")] == 45


def test_what_each_tier_shows(tmp_path: Path) -> None:
    """A branch its own nodes; the root those of branches as one, others by themselves; a gauge is the largest there."""
    accounts = Accounts()
    for number, path in enumerate(("chaos/b0/p", "chaos/b00/p")):
        life = Life(number, path, Book.create(tmp_path / f"{number}", 2))
        accounts.lives.append(life)
        for place, row in enumerate(life.book.rows):
            row.add(Cell.WHOLE, 10)
            row.add(Cell.EVENTS, 1)
            row.set(Cell.LEVEL, place - 5)
    branch, root = Scope("chaos/b0"), Scope(branches=("chaos/b0",))
    whole, level = (WHOLE, ""), (LEVEL, "")
    assert {path: n for (path, key), n in accounts.most(branch).items() if key == whole} == {
        FLEET: 20,
        "chaos/b0/p/n0": 10,
        "chaos/b0/p/n1": 10,
    }
    assert {path: n for (path, key), n in accounts.most(root).items() if key == whole} == {
        FLEET: 40,
        "chaos/b0": 20,
        "chaos/b00/p/n0": 10,
        "chaos/b00/p/n1": 10,
    }
    assert accounts.levels(root)["chaos/b0", level] == accounts.levels(root)[FLEET, level] == -4
    assert {path for path, _ in accounts.events(branch)} == {"chaos/b0/p/n0", "chaos/b0/p/n1"}
    assert len(accounts.events(root)) == 4


@pytest.mark.parametrize(("said", "complaints"), [(9, 1), (10, 0), (12, 0), (13, 1)])
def test_the_judge_sees_what_is_lost_and_what_is_invented(said: float, complaints: int) -> None:
    """Between what was acknowledged and what was counted anything may be, outside of it nothing."""
    place = (FLEET, (WHOLE, ""))
    watch = Watch("one", "", lambda _: None)
    watch.check_never_above(Scrape({place: said}, {WHOLE: "counter"}), {place: 12})
    missing = list(verdict.missing({place: 10}, {place: said}))
    assert len(watch.findings) + len(missing) == complaints
    assert verdict.lost({place: 10}, {place: said}) == max(0, 10 - said)


def test_the_judge_sees_a_fall() -> None:
    """By one, over any silence in between; a gauge may fall, and what ended may be gone."""
    counter, gauge = ("p", ("a_total", "")), ("p", ("b", ""))
    watch = Watch("one", "", lambda _: None)
    kinds = {"a_total": "counter", "b": "gauge"}
    for values in ({counter: 5.0, gauge: 5.0}, {gauge: 1.0}, {counter: 5.0}, {counter: 4.0}):
        watch.check_never_falls(Scrape(values, kinds))
    assert len(watch.findings) == 1


def test_the_judge_knows_what_a_new_process_may_show() -> None:
    """Once, a fraction a unit lower; and less of who is late; nothing else, and not the process that goes on."""
    place, other = ("p", (FRACTION, "")), ("q", (WHOLE, ""))
    watch, kinds = Watch("one", "", lambda _: None), {FRACTION: "counter", WHOLE: "counter"}
    lower = math.nextafter(4.5, 0)
    for fraction, whole, late in ((4.5, 5.0, ()), (lower, 4.0, ("q",)), (lower, 4.0, ())):
        watch.check_never_falls(Scrape({place: fraction, other: whole}, kinds, 0.0, late))
    assert watch.findings == []
    watch.check_never_falls(Scrape({place: math.nextafter(lower, 0)}, kinds))
    watch.check_never_falls(Scrape({place: 4.4, other: 3.0}, kinds, 0.0, ("p",)))
    assert len(watch.findings) == 2


def test_the_judge_counts_events() -> None:
    """Acknowledged events come once each, recorded ones at most once, and no others."""
    expected = {("p", 1): (2, 3)}
    for numbers, complaints in (([1, 2], 0), ([3, 1, 2], 0), ([1], 1), ([1, 2, 2], 1), ([1, 2, 4], 1)):
        assert len(list(verdict.wrong_events(expected, {("p", 1): numbers}))) == complaints
    assert verdict.lost_events(expected, {("p", 1): [3, 1]}) == 1


PARENT = """
import pathlib, sys, time
from fog_proving.chaos.processes import Child
child = Child("timeit", ["-n", "1", "import time; time.sleep(600)"], pathlib.Path(sys.argv[1]))
child.pause()
print(child.pid, flush=True)
time.sleep(600)
"""


async def test_an_aggregator_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words end the run at once, and nothing of it is left open."""
    opened = []

    class Noted(Child):
        def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
            super().__init__(module, arguments, log)
            opened.append(self)

    monkeypatch.setattr(arena, "Child", Noted)
    (tmp_path / "aggregator").write_text("a file where its state directory is to be")
    with pytest.raises(RuntimeError, match=r"aggregator ended with code 1: fog aggregator: .*aggregator"):
        async with Arena(tmp_path, random.Random(SEED), print, 1, 1, Layout({"aggregator": Scope()})):
            pass
    [child] = opened
    assert child.hung_up


async def test_what_another_process_saves_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that knew all was killed before it had saved; the next one saves what it knows, which may be less."""
    first, second = (cast("Child", object()) for _ in range(2))
    asked = []

    class Saving(Reader):
        """Each look finds one more checkpoint."""

        @property
        def checkpoint(self) -> int:
            """The number of its newest checkpoint."""
            numbers.append(len(numbers))
            return numbers[-1]

    async def knows(reader: Reader, _: Accounts) -> bool:
        asked.append(reader.child)
        reader.child = second
        return True

    numbers: list[int] = []
    monkeypatch.setattr(arena, "_knows", knows)
    of_no_use = cast("Any", None)
    reader = Saving("aggregator", of_no_use, first, scope=Scope(), watch=of_no_use, state_dir=tmp_path)
    trial = Arena(tmp_path, random.Random(SEED), print, 1, 1, Layout({"aggregator": Scope()}))
    trial.readers.append(reader)
    await trial._all_saved([Life(0, "chaos/p0", Book.create(tmp_path / "book", 1))])  # noqa: SLF001
    assert asked == [first, second]


def test_a_paused_child_ends_with_its_parent(tmp_path: Path) -> None:
    """A kill of the suite, even while something in it is paused, leaves nothing behind."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        status = Path(f"/proc/{int(parent.stdout.readline())}/stat")
        wait_until(lambda: " T " in status.read_text(), what="the child is stopped")
        parent.kill()
    wait_until(lambda: not status.exists() or " Z " in status.read_text(), what="the child is gone")
