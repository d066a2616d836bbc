"""How nodes live and what groups of them stand on, as arrays, is as told node by node."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.fleet.arrivals import Arrivals
from fog_aggregator.core.fleet.lifecycle import coverage, lives
from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.place import Place
from fog_aggregator.query.selection import Grouping, Selection
from fog_aggregator.query.tree import Tree
from fog_schema.paths import Path, is_under

NOW, DEPARTED_AFTER = 1_000.0, 60.0


class Known(NamedTuple):
    """Hold the text of a node's path, when it was heard, its interval, and more."""

    path: str
    heard: float
    interval: float
    ended: bool
    out: bool
    values: int

    @property
    def life(self) -> Life:
        """Return how it lives."""
        silent, patience = NOW - self.heard, 3 * self.interval
        if self.out:
            return Life.QUARANTINED
        if self.ended:
            return Life.ENDED
        if silent > max(DEPARTED_AFTER, patience):
            return Life.DEPARTED
        return Life.STALE if silent > patience else Life.LIVE


HEARD = st.floats(NOW - 200, NOW) | st.just(-math.inf) | st.just(NOW - 30)
INTERVALS = st.sampled_from([0.0, 1.0, 10.0, 50.0])
PATHS = st.lists(st.sampled_from("01"), min_size=1, max_size=4).map("".join)
NODES = st.lists(
    st.builds(Known, PATHS, HEARD, INTERVALS, st.booleans(), st.booleans(), st.integers(0, 2**50)),
    max_size=12,
    unique_by=lambda node: node.path,
)


def in_rows(known: list[Known]) -> tuple[Roster, Arrivals, dict[str, Place]]:
    """Return a roster with the nodes; some rows are free, and the last nodes have sent nothing."""
    roster, arrivals = Roster(), Arrivals()
    gone = [roster.add(("gone", str(number)), rollup=False, observed=0.0, first_seen=0.0) for number in range(3)]
    places = {node.path: roster.add(tuple(node.path), rollup=False, observed=0.0, first_seen=0.0) for node in known}
    for place in gone:
        roster.remove(place)
    for node in known:
        row = places[node.path].row
        roster.rows.audible_at[row], roster.rows.interval[row] = node.heard, node.interval
        roster.rows.ended[row] = node.ended
        if node.out:
            roster.take_out(places[node.path], 0.0)
        if node.values:
            arrivals.add(np.array([row]), np.array([node.values]), np.array([node.ended]))
    return roster, arrivals, places


def is_selected(path: Path, selection: Selection) -> bool:
    """Tell whether a view of a selection has the node at a path."""
    return path == selection.under or (not selection.own and is_under(path, selection.under))


SELECTIONS = st.builds(Selection, st.just(()) | PATHS.map(tuple), st.booleans())


@given(NODES, SELECTIONS, st.none() | st.integers(0, 4))
def test_what_is_told_of_nodes_at_once_is_told_of_each(
    known: list[Known], selection: Selection, level: int | None
) -> None:
    """Of all nodes and of those at and under a path: their lives, counts by state, oldest frame, merged values."""
    roster, arrivals, places = in_rows(known)
    groups = Tree(roster.places, len(roster.rows.last_seen)).group(selection, Grouping(level))
    chosen = [one for one in known if is_selected(tuple(one.path), selection)]
    assert np.arange(len(roster.rows.last_seen))[groups.nodes].tolist() == sorted(
        places[one.path].row for one in chosen
    )
    every = lives(roster, NOW, DEPARTED_AFTER)
    assert [Life(every[places[one.path].row]) for one in known] == [one.life for one in known]
    life = lives(roster, NOW, DEPARTED_AFTER, groups.nodes)
    assert [Life(life[places[one.path].row]) for one in chosen] == [one.life for one in chosen]
    found = coverage(roster, arrivals, groups, life, NOW)
    cut = 0 if level is None else level + 1
    assert found.paths == sorted({tuple(one.path[:cut]) for one in chosen})
    for number, path in enumerate(found.paths):
        mine = [one for one in chosen if tuple(one.path[:cut]) == path]
        assert found.nodes[number].tolist() == [sum(one.life is life for one in mine) for life in Life]
        assert found.oldest[number] == max([NOW - one.heard for one in mine if one.life is Life.LIVE], default=0.0)
        late = sum(one.values for one in mine if one.ended)
        assert found.merged[number].tolist() == [sum(one.values for one in mine), late]
