"""Plans against their slow, obvious twins, whatever slots were handed out and given back before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_aggregator.core.fleet.fleet import Fleet as State
from fog_aggregator.core.fleet.reading import SlotColumns
from fog_aggregator.core.kinds.samples import GridSamples
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.rollups.plan import Plan
from fog_aggregator.core.rollups.reductions import sum_buckets, sum_integers
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_aggregator.query.plan import Draft
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.selection import Matcher
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SeriesLists, SlotIndex
from fog_schema.paths import parse_path
from tests import reference
from tests.aggregator.fleet import Fleet, asked
from tests.aggregator.quarantined import Fog
from tests.aggregator.test_quarantine_property import histories, written

KERNELS = load(Choice.AUTO)

SERIES, EPOCHS, GROUPS = 6, 5, 3
TIMES = st.sampled_from([1.0, 2.0, np.inf])
BLOCKS = st.tuples(
    st.just("hand out"), st.lists(st.integers(0, SERIES - 1), max_size=4), st.integers(0, EPOCHS - 1), TIMES
)
RELEASES = st.tuples(st.just("give back"), st.lists(st.integers(0, 30), max_size=6))
REPEATS = st.tuples(st.just("as the first"), st.integers(0, EPOCHS - 1), TIMES)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Return a table after some time of use; many of its epochs have equal series."""
    table, common = Table(np.int64), draw(st.permutations(range(SERIES)))[:3]
    steps: list[Any] = draw(st.lists(BLOCKS | RELEASES | REPEATS, max_size=12))
    for step in steps:
        if step[0] == "give back":
            slots = table.used()
            table.release(slots[[place in step[1] for place in range(len(slots))]])
        else:
            series, epoch, created = step[1:] if step[0] == "hand out" else (common, *step[1:])
            table.allocate(np.arange(len(series)), np.array(series, np.int32), epoch, created)
    return table


def as_rows(plan: Plan, size: int) -> dict[str, Any]:
    """Return a plan in Python's own numbers."""
    shapes = [(shape, cells.start, cells.stop) for shape, cells in plan.shapes]
    slots = np.arange(size)[plan.slots].tolist()
    cells = list(zip(plan.series.tolist(), plan.group.tolist(), plan.born.tolist(), strict=True))
    return {"slots": slots, "cell": plan.cell.tolist(), "cells": cells, "shapes": shapes}


@given(
    tables(),
    st.lists(st.integers(0, 2), min_size=SERIES, max_size=SERIES),
    st.lists(st.integers(-1, GROUPS - 1), min_size=EPOCHS, max_size=EPOCHS),
    st.none() | st.permutations(range(EPOCHS)),
    st.none() | st.lists(st.booleans(), min_size=SERIES, max_size=SERIES),
    st.none() | st.lists(st.sampled_from("ab"), min_size=SERIES, max_size=SERIES),
)
def test_a_plan_is_what_each_slot_says(
    table: Table,
    shape_of: list[int],
    group_of: list[int],
    rank: list[int] | None,
    wanted: list[bool] | None,
    labels: list[str] | None,
) -> None:
    """Every used slot of the view is in the cell of its class and group; cells are in order, born with their first.

    Classes are the series themselves, or those of one shape with one label.
    """
    entries = [
        SeriesEntry(kind, (("is", label),)) for kind, label in zip(shape_of, labels or "a" * SERIES, strict=True)
    ]
    axis = SeriesAxis(
        entries,
        np.array(shape_of, np.int32),
        None if wanted is None else np.array(wanted, np.bool_),
        by=None if labels is None else ("is",),
    )
    classes = classes_of(entries, wanted or [True] * SERIES, merged=labels is not None)
    ranked = None if rank is None else np.array(rank, np.int32)
    group = np.array(group_of, np.int32)
    columns = SlotColumns(table.series[: table.size], table.epoch[: table.size], table.created[: table.size])
    draft = Draft((0, 0), SlotIndex(columns, shape_of), group, GROUPS, ranked, None if axis.is_identity else axis)
    slots = zip(table.series.tolist(), table.epoch.tolist(), table.created.tolist(), strict=True)
    expected = reference.plan(list(slots)[: table.size], shape_of, group_of, rank, classes)
    assert as_rows(draft.make(), table.size) == expected


def classes_of(entries: list[SeriesEntry], wanted: list[bool], *, merged: bool) -> list[int]:
    """Return the class of each series: its own number, or that of its entry, in the order in which entries come."""
    chosen = [entry for entry, mine in zip(entries, wanted, strict=True) if mine]
    order = list(dict.fromkeys(chosen))
    numbers = [order.index(entry) if entry in order else -1 for entry in entries] if merged else range(len(entries))
    return [number if mine else -1 for number, mine in zip(numbers, wanted, strict=True)]


CHANGES = ("join", "grow", "finish", "fractions", "retype", "forget", "look")
STEPS = st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 4), st.integers(0, 3)), max_size=12)


VIEWS = [
    asked(),
    asked(level=1),
    asked(level=2),
    asked(under=("fog", "0"), level=2),
    asked(names=["done_total"], level=1),
    asked(matchers=[Matcher("kind", "1", equal=False)]),
    asked(by=("kind",), level=1),
    asked(by=()),
    asked(info="version"),
]


def plans_are_as_new(planner: Planner, state: State) -> None:
    """Check all plans of a planner against those of one that is new, and what kernels make of them."""
    for view in VIEWS:
        for kind, table in state.parts.slots.tables.items():
            plans = [one.draft(view, kind, one.axis(view)).make() for one in (planner, Planner(state))]
            assert as_rows(plans[0], table.size) == as_rows(plans[1], table.size)
            added_up_as_slots_are(plans[0], table)


def added_up_as_slots_are(plan: RunPlan, table: Table) -> None:
    """Check the sums by runs against those by slots, where there are kernels and values are integers."""
    if KERNELS is None or table.values.dtype != np.int64:
        return
    values = table.values[plan.slots]
    if table.values.ndim == 1:
        sums, expected = plan.add_runs(KERNELS.add_runs, table.values), sum_integers(plan.cell, plan.size, values)
    else:
        sums = plan.add_runs(KERNELS.add_bucket_runs, table.values)
        expected = sum_buckets(plan.cell, plan.size, values)
    assert sums is not None
    assert plan.in_order(sums).tolist() == expected.tolist()


@given(STEPS)
def test_what_is_remembered_of_earlier_looks_changes_nothing(steps: list[tuple[str, int, int]]) -> None:
    """Nodes come, go and change the types of what they have, epochs leave slots for others: all plans are as new."""
    fleet, planner, writers = Fleet(), None, {}
    for what, place, label in steps:
        path = f"fog/{place // 2}/{place}"
        if what in ("join", "retype") or path not in writers:
            member = fleet.join(path, version=str(len(fleet.members)))
            writers[path] = member, member.collector.register_counter("done_total", "", ["kind"])
            if label % 2:
                member.collector.register_gauge("wait_seconds", "").set(label)
            else:
                member.collector.register_histogram("wait_seconds", "", [1.0, 2.0 + label]).observe(label)
        member, counter = writers[path]
        if what == "finish":
            member.finish()
        elif what == "forget":
            fleet.state.forget(parse_path(path), fleet.now + 1e6, 0.0)
        elif what != "look":
            counter.labels(str(label)).increment(0.5 if what == "fractions" else 1)
            member.send()
        if what in ("finish", "forget"):
            del writers[path]
        planner = planner or Planner(fleet.state)
        plans_are_as_new(planner, fleet.state)


@settings(max_examples=10)
@given(histories())
def test_orders_change_plans_as_they_change_new_ones(history: list[tuple[str, str, int]]) -> None:
    """Places are taken out of the numbers, and in again, while frames come."""
    fog = Fog()
    planner = Planner(fog.engine.fleet)
    frames, orders = written(history)
    merged = [(at, 1, frame) for at, frame in frames] + [(at, 0, (at, what, place)) for at, what, place in orders]
    for at, is_frame, what in sorted(merged, key=lambda one: one[:2]):
        if is_frame:
            node, seq, stored, count, delta, epoch, final = what
            fog.frame(node, seq, stored, count, delta=delta, epoch=epoch, final=final)
        else:
            fog.say(what[1], what[2], at)
            fog.pass_to(at)
        plans_are_as_new(planner, fog.engine.fleet)


def test_lists_that_grow_while_they_are_read_are_whole_the_next_time() -> None:
    """A thread that makes a plan may keep what it has read after another one has added a list."""

    class Growing(list[Any]):
        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            if isinstance(key, slice) and len(self) == 1:
                lists.number(np.array([7, 8], np.int32))
            return found

    lists = SeriesLists()
    lists._lists = Growing()  # noqa: SLF001 - the moment in between
    lists.number(np.array([5], np.int32))
    assert lists.flat()[2].tolist() == [5]
    assert [one.tolist() for one in lists.flat()] == [[0, 1], [1, 2], [5, 7, 8]]


COUNTS = st.integers(-100, 100) | st.just(2**63 - 1) | st.just(2**62)


@given(tables(), st.lists(st.integers(-1, GROUPS - 1), min_size=EPOCHS, max_size=EPOCHS), st.data())
def test_a_sum_that_passes_the_most_is_told(table: Table, group_of: list[int], data: st.DataObject) -> None:
    """The kernel's sums are exact, or it says that one has passed 2^63 on the way."""
    if KERNELS is None:
        pytest.skip("numba is not installed")
    table.values[: table.size] = data.draw(st.lists(COUNTS, min_size=table.size, max_size=table.size))
    columns = SlotColumns(table.series[: table.size], table.epoch[: table.size], table.created[: table.size])
    plan = Draft((0,), SlotIndex(columns, [0] * SERIES), np.array(group_of, np.int32), GROUPS).make()
    sums, exact = plan.add_runs(KERNELS.add_runs, table.values), [0] * plan.size
    for cell, value in zip(plan.cell.tolist(), table.values[plan.slots].tolist(), strict=True):
        exact[cell] += value
    if sums is not None:
        assert plan.in_order(sums).tolist() == exact
    else:
        assert max(map(abs, table.values[plan.slots].tolist())) > 100


@pytest.mark.parametrize("size", [1, 3, 32, 33])
@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("groups", [1, 3, 300])
def test_many_runs_are_added_as_each_alone(size: int, groups: int, *, side_by_side: bool) -> None:
    """Short runs of one way are added slot by slot, many runs at once, in whichever groups: blocks are full, or not."""
    if KERNELS is None:
        pytest.skip("numba is not installed")
    rng = np.random.default_rng(size)
    values, sums = rng.integers(-1_000, 1_000, 300 * 40), np.zeros(groups * 40, np.int64)
    offset = [np.arange(size) if side_by_side else rng.permutation(40)[:size] for _ in range(2)]
    place = [np.arange(size) if side_by_side else rng.permutation(40)[:size] for _ in range(2)]
    group, way = rng.integers(0, groups, 300) * 40, np.repeat([0, 1, 0], [257, 3, 40])
    runs = np.column_stack((rng.permutation(300) * 40, group, way))
    ways = np.array([[0, size, side_by_side], [size, size, side_by_side]])
    entries = np.column_stack((np.concatenate(offset), np.concatenate(place)))
    assert KERNELS.add_runs(values, runs, ways, entries, sums)
    expected = np.zeros_like(sums)
    for start, cell, one in runs:
        expected[cell + place[one]] += values[start + offset[one]]
    assert sums.tolist() == expected.tolist()
    values[runs[-1, 0] + offset[0][-1]] = 2**63 - 1
    sums[runs[-1, 1] + place[0][-1]] = 1_000_000
    assert not KERNELS.add_runs(values, runs, ways, entries, sums)


@given(tables(), st.lists(st.integers(0, GROUPS - 1), min_size=EPOCHS, max_size=EPOCHS))
def test_a_grid_has_the_columns_of_its_plan(table: Table, group_of: list[int]) -> None:
    """Where all groups have all series, samples are made when they are read: they are those of the cells."""
    table.values[: table.size] = np.arange(table.size)
    columns = SlotColumns(table.series[: table.size], table.epoch[: table.size], table.created[: table.size])
    plan = Draft((0,), SlotIndex(columns, [0] * SERIES), np.array(group_of, np.int32), GROUPS).make()
    if not plan.is_grid or not plan.size:
        return
    sums = np.zeros(plan.size, np.int64)
    np.add.at(sums, plan.cell, table.values[plan.slots])
    rows = plan.rows[plan.groups.rows]
    grid = sums.reshape(len(rows), -1).T
    samples = GridSamples(rows, plan.groups.number, grid, lambda: plan.born_of_groups.reshape(grid.shape))
    expected = [plan.series.tolist(), plan.group.tolist(), sums.tolist(), plan.born.tolist()]
    assert [one.tolist() for one in (samples.series, samples.group, samples.values, samples.born)] == expected
    blocks = list(samples.blocks())
    for name, column in zip(("series", "group", "values", "born"), expected, strict=True):
        assert [value for one in blocks for value in getattr(one, name).tolist()] == column
    assert len(samples) == plan.size
