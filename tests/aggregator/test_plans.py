"""Plans against their slow, obvious twins, whatever slots were handed out and given back before."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.fleet.reading import SlotColumns
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Plan
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.plan import Draft
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.selection import Matcher
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SlotIndex
from tests import reference
from tests.aggregator.fleet import Fleet, asked

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


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "grow", "finish", "fractions", "look"]), st.integers(0, 4), st.integers(0, 3)),
    max_size=12,
)


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


@given(STEPS)
def test_what_is_remembered_of_earlier_looks_changes_nothing(steps: list[tuple[str, int, int]]) -> None:
    """Nodes and series come, epochs end and leave slots for others: all plans are those of a planner that is new."""
    fleet, planner, writers = Fleet(), None, {}
    for what, place, label in steps:
        path = f"fog/{place // 2}/{place}"
        if what == "join" or path not in writers:
            member = fleet.join(path, version=str(len(fleet.members)))
            writers[path] = member, member.collector.register_counter("done_total", "", ["kind"])
        member, counter = writers[path]
        if what == "finish":
            member.finish()
            del writers[path]
        elif what != "look":
            counter.labels(str(label)).increment(0.5 if what == "fractions" else 1)
            member.send()
        planner = planner or Planner(fleet.state)
        for view in VIEWS:
            for kind, table in fleet.state.parts.slots.tables.items():
                plans = [one.draft(view, kind, one.axis(view)).make() for one in (planner, Planner(fleet.state))]
                assert as_rows(plans[0], table.size) == as_rows(plans[1], table.size)
