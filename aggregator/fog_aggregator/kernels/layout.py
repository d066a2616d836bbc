"""Name the columns of the arrays that kernels fill, a row for each frame and for each section of one."""

from __future__ import annotations

from typing import Final

SEQ, FLAGS, AGE, INTERVAL, FIRST_SECTION = range(5)
"""The header of a frame, and the row of its first section; the row after a frame's is the end of its sections."""
HEADERS: Final = 5

FRAME, WIDTH, COUNT, LOW, HIGH, FORM, BASE, IDS_AT, IDS_END, CODE, VALUES_AT, SUMS_CODE, SUMS_AT = range(13)
"""A section: its frame; the number of buckets, or ONE_INTEGER or ONE_DOUBLE; how many ids, the lowest and the highest;
form and base of the ids, and where in the bytes they are; type and beginning of the values, and of the sums."""
SECTIONS: Final = 13

ONE_INTEGER: Final = 0
ONE_DOUBLE: Final = -1
MOST_SECTIONS: Final = 16
"""Sections of a frame that is taken for plain: counters, gauges, and a group for each width of histograms."""
MOST_CELLS: Final = 8_192
"""Values of a section that is taken for plain: what is longer gains nothing by company."""

NUMBER, LAST_SEQ, TICKET, EXPECTED_FLAGS, PLACE_ROW, ALONE, FIRST_BLOCK, END_BLOCK = range(8)
"""An epoch: the bits of its number, the number of its last frame, its ticket (`EpochColumns`); while this is valid,
the flags of its plain deltas, the row of its place, whether that has no other epoch, and where its blocks are."""
EPOCH: Final = 8

BIRTH, USUAL, LAST_SEEN, OBSERVED = range(4)
"""The times of an epoch, see `Epoch`."""
TIMES: Final = 4

BLOCK_WIDTH, BLOCK_LOW, BLOCK_HIGH, BLOCK_OFFSET = range(4)
"""A block of an epoch's ids: the width of its sections, the lowest id, the one after the highest, its slots less its
ids."""
BLOCK: Final = 4

NOW, AUDIBLE, SETTLED_AT, PACE, OBSERVED_NOW, OUTAGE_PACES, SETTLING, STALE = range(8)
"""The fleet's time, see `FleetTime`, and the constants of its rules."""

ROW_BITS: Final = 26
ROW: Final = (1 << ROW_BITS) - 1
"""The bits of a ticket that are the row of its epoch."""
