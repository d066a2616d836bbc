"""Tell how the places of a fleet live, by how long ago they were heard, and whether they ended in good order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.families.words import Voters
from fog_aggregator.core.fleet.arrivals import Arrivals
from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.fleet.silent_cover import Losses
from fog_aggregator.core.kinds.view import Slots
from fog_aggregator.core.places.coverage import Coverage, Life
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.rows import STALE_INTERVALS, Rows
from fog_schema.paths import Path


class PlaceGroups(Protocol):
    """The groups of a view: their paths, and each place's group by its row (-1: not in the view)."""

    @property
    def paths(self) -> list[Path]:
        """The paths of the groups, in path order."""

    @property
    def of_node(self) -> Int32s:
        """The group of each place, by its row."""

    @property
    def nodes(self) -> Slots:
        """The rows of the places in the view, ascending."""


@dataclass(frozen=True, slots=True)
class Coverages:
    """The nodes and ages that the groups of a view stand on, as columns.

    Attributes:
        paths: of the groups, in path order.
        nodes: how many nodes there are; shape (groups, lives).
        oldest: as in `Coverage`; shape (groups,).
        gapped: how many live places have a writer whose counts wait for a keyframe; shape (groups,).
        merged: how many values were merged since the process began, and how many of these came late; shape (groups, 2).
    """

    paths: list[Path]
    nodes: Int64s
    oldest: Float64s
    gapped: Int64s
    merged: Int64s

    def __iter__(self) -> Iterator[tuple[Path, Coverage]]:
        columns = self.nodes.tolist(), self.oldest.tolist(), self.gapped.tolist()
        for path, nodes, oldest, gapped in zip(self.paths, *columns, strict=True):
            yield path, Coverage(tuple(nodes), oldest, gapped)

    def with_missing(
        self, missing: Sequence[tuple[Path, int]], level: int | None, life: Life = Life.MISSING
    ) -> Coverages:
        """Return the same with nodes that were never heard; where nobody was heard they are groups of their own.

        Args:
            missing: how many there are, by path, of those that the view selects.
            level: as the view is grouped: None for one group.
            life: what they are: missing, or unread.
        """
        if not missing:
            return self
        found = zip(self.nodes, self.oldest, self.gapped, self.merged, strict=True)
        groups = dict(zip(self.paths, found, strict=True))
        nobody = (np.zeros(len(Life), np.int64), np.float64(0.0), np.int64(0), np.zeros(2, np.int64))
        for path, count in missing:
            group = () if level is None else path[: level + 1]
            nodes, *rest = groups.get(group, nobody)
            groups[group] = (nodes + np.int64(count) * (np.arange(len(Life)) == life), *rest)
        paths = sorted(groups)
        columns = (np.array([groups[path][column] for path in paths]) for column in range(4))
        return Coverages(paths, *columns)

    def together(self) -> Coverages:
        """Return the same as one group."""
        every = self.total()
        return Coverages(
            [()],
            np.array([every.nodes]),
            np.array([every.oldest]),
            np.array([every.gapped]),
            self.merged.sum(axis=0, keepdims=True),
        )

    def total(self) -> Coverage:
        """Add up all groups."""
        nodes, gapped = tuple(self.nodes.sum(axis=0).tolist()), int(self.gapped.sum())
        return Coverage(nodes, float(self.oldest.max(initial=0.0)), gapped)


def lives(roster: Roster, audible: float, departed_after: float, places: Slots = slice(None)) -> Int64s:
    """Return the Life of some places at an audible time, by row; of all, rows without a place are DEPARTED.

    The values at the rows of other places mean nothing.
    """
    rows = roster.rows
    silent, patience = audible - rows.audible_at[places], STALE_INTERVALS * rows.interval[places]
    here = np.full(len(silent), Life.LIVE, np.int64)
    late = np.flatnonzero(silent > patience)
    here[late] = np.where(silent[late] > np.maximum(departed_after, patience[late]), Life.DEPARTED, Life.STALE)
    here[rows.ended[places]] = Life.ENDED
    life = np.empty(len(rows.last_seen), np.int64)
    life[places] = here
    life[list(roster.out)] = Life.QUARANTINED
    return life


def coverage(
    roster: Roster,
    arrivals: Arrivals,
    groups: PlaceGroups,
    life: Int64s,
    audible: float,
    awaited: Collection[Epoch] = (),
) -> Coverages:
    """Return what each group of a view stands on: all nodes at once, and each branch as its aggregator says.

    Args:
        roster: the places.
        arrivals: how many values came, and how many of these late.
        groups: of the view.
        life: the Life of the view's places, by row.
        audible: the audible time now.
        awaited: the epochs of live places whose counts wait for a keyframe.
    """
    rows, of_place, size, kinds = roster.rows, groups.of_node, len(groups.paths), len(Life)
    itself, group, states = rows.counts_itself[groups.nodes], of_place[groups.nodes], life[groups.nodes]
    silent = np.where(states == Life.LIVE, audible - rows.audible_at[groups.nodes], 0.0)
    if not itself.all():
        group, states, silent = group[itself], states[itself], silent[itself]
    counts = np.bincount(group * kinds + states, minlength=size * kinds).reshape(size, kinds)
    oldest = _largest(group, size, silent)
    for place in roster.composites():
        at = int(of_place[place.row])
        if at >= 0:
            covered = place.coverage(Life(life[place.row]), max(0.0, audible - float(rows.audible_at[place.row])))
            counts[at] += covered.nodes
            oldest[at] = max(oldest[at], covered.oldest)
    return Coverages(
        groups.paths, counts, oldest, _gapped(rows, awaited, groups), arrivals.by_group(of_place, groups.nodes, size)
    )


def _largest(group: Int32s, size: int, values: Float64s) -> Float64s:
    """Return the largest value of each group, at least 0."""
    largest = np.zeros(size)
    if size == 1:  # each value would wait for the one before it
        largest[0] = values.max(initial=0.0)
    else:
        np.maximum.at(largest, group, values)
    return largest


def _gapped(rows: Rows, awaited: Collection[Epoch], groups: PlaceGroups) -> Int64s:
    """Count the places of some epochs in each group."""
    places = np.unique(rows.epoch_place[[epoch.row for epoch in awaited]]) if awaited else np.zeros(0, np.int64)
    group = groups.of_node[places[places < len(groups.of_node)]]
    return np.bincount(group[group >= 0], minlength=len(groups.paths))


def gauges(roster: Roster, audible: float, of: Sequence[Int32s] | None) -> tuple[Bools, Float64s]:
    """Return whether each epoch's gauges count, and when its place sent its last frame, by the epoch's row.

    Args:
        roster: the places.
        audible: the audible time now.
        of: the rows of epochs that matter, for the other ones mean nothing then; None for all.
    """
    rows = roster.rows
    counts, last_seen = np.zeros(len(rows.epoch_place), np.bool_), np.zeros(len(rows.epoch_place))
    several: Sequence[slice | Int32s] = [slice(None)] if of is None or sum(map(len, of)) > len(counts) else of
    for epochs in several:
        place = rows.epoch_place[epochs]
        counts[epochs] = rows.shows_gauges[epochs] & (place >= 0) & rows.live(audible, place)
        last_seen[epochs] = rows.last_seen[place]
    return counts, last_seen


def losses(roster: Roster, paths: Sequence[Path], order: Int64s, life: Int64s) -> Losses:
    """Return how many nodes stand at each path, and how many of these are silent.

    Nodes that have ended or are in quarantine count as neither, nor do silent ones that come and go (ephemeral).

    Args:
        roster: the places.
        paths: of all places, in path order.
        order: their rows.
        life: every place's Life, by its row.
    """
    itself, states = roster.rows.counts_itself[order], life[order]
    lost = itself & ~roster.rows.ephemeral[order]
    silent = (lost & ((states == Life.STALE) | (states == Life.DEPARTED))).astype(np.int64)
    nodes = (itself & (states == Life.LIVE)) + silent
    at_row = np.full(len(life), -1, np.int64)
    at_row[order] = np.arange(len(order))
    for place in roster.composites():
        live, stale, departed, _, missing, *_ = place.coverage(Life(life[place.row]), 0.0).nodes
        nodes[at_row[place.row]] = live + stale + departed + missing
        silent[at_row[place.row]] = stale + departed + missing
    return Losses(paths, nodes, silent)


def voters(roster: Roster, audible: float) -> tuple[Voters, Voters]:
    """Return the epochs whose words about families count: of places live at an audible time, and of all places."""
    rows = roster.rows
    row = np.flatnonzero(rows.shows_gauges & (rows.epoch_place >= 0))
    row = row[~np.isin(rows.epoch_place[row], list(roster.out))]  # nothing is believed of those
    place = rows.epoch_place[row].astype(np.int64)
    weight = np.ones(len(rows.last_seen))
    for branch in roster.composites():
        weight[branch.row] = max(1, branch.coverage(Life.LIVE, 0.0).nodes[Life.LIVE])
    live = rows.live(audible)[place]
    return Voters(row[live], place[live], weight), Voters(row, place, weight)
