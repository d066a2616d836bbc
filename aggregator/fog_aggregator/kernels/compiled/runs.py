"""Add up runs of slots: those of one node lie together, and so do the cells of one group."""

from __future__ import annotations

from typing import Final

import numpy as np

from fog_aggregator.kernels.compiled.compiler import compiled
from fog_aggregator.kernels.ports import Int64s

_SHORT: Final = 32
"""So many slots of a run, as of one family, are added slot by slot for many runs: the processor fetches their slots at
once, where it would wait for each run."""
_BLOCK: Final = 32
"""So many runs at a time, whose slots stay near."""


@compiled()
def add_across(values: Int64s, runs: Int64s, entries: Int64s, sums: Int64s) -> np.int64:
    """Add runs of one way, slot by slot; the result is negative when a sum has passed 2^63 on the way."""
    passed = np.int64(0)
    for at in range(len(entries)):
        offset, place = entries[at, 0], entries[at, 1]
        for run in range(len(runs)):
            cell = runs[run, 1] + place
            before, value = sums[cell], values[runs[run, 0] + offset]
            after = before + value
            passed |= (before ^ after) & (value ^ after)
            sums[cell] = after
    return passed


@compiled()
def add_along(values: Int64s, sums: Int64s) -> np.int64:
    """Add values to as many sums; the result is negative when a sum has passed 2^63.

    As arrays of their own they have no index that could be negative, so that several are added at once.
    """
    passed = np.int64(0)
    for at in range(len(sums)):
        before, value = sums[at], values[at]
        after = before + value
        passed |= (before ^ after) & (value ^ after)
        sums[at] = after
    return passed


@compiled("boolean(int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[::1])")
def add_runs(values: Int64s, runs: Int64s, ways: Int64s, entries: Int64s, sums: Int64s) -> np.bool_:
    """Add the values of runs to the sums of their groups; return False when a sum has passed 2^63 on the way.

    Args:
        values: the values by slot.
        runs: of each run its first slot, the first cell of its group, and its way; shape (runs, 3).
        ways: of each way where its entries begin, how many they are, and whether it takes slots side by side to cells
            side by side; shape (ways, 3).
        entries: of each slot of a way its distance from the first one of its run, and its cell's from the first one of
            its group; shape (entries, 2).
        sums: the sums by cell.
    """
    passed = np.int64(0)
    run = 0
    while run < len(runs):
        slot, cell, way = runs[run, 0], runs[run, 1], runs[run, 2]
        first, size = ways[way, 0], ways[way, 1]
        end = run + 1
        if size > _SHORT and ways[way, 2]:
            passed |= add_along(values[slot : slot + size], sums[cell : cell + size])
        else:
            last = min(len(runs), run + _BLOCK) if size <= _SHORT else end
            while end < last and runs[end, 2] == way:
                end += 1
            passed |= add_across(values, runs[run:end], entries[first : first + size], sums)
        run = end
    return np.bool_(passed >= 0)


@compiled("boolean(int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1])")
def add_bucket_runs(values: Int64s, runs: Int64s, ways: Int64s, entries: Int64s, sums: Int64s) -> np.bool_:
    """Do what `add_runs` does, for rows of buckets: `values` and `sums` have as many columns."""
    passed, buckets = np.int64(0), values.shape[1]
    for run in range(len(runs)):
        slot, cell, way = runs[run, 0], runs[run, 1], runs[run, 2]
        for at in range(ways[way, 0], ways[way, 0] + ways[way, 1]):
            before, value = sums[cell + entries[at, 1]], values[slot + entries[at, 0]]
            for bucket in range(buckets):
                after = before[bucket] + value[bucket]
                passed |= (before[bucket] ^ after) & (value[bucket] ^ after)
                before[bucket] = after
    return np.bool_(passed >= 0)
