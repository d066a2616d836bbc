"""Name the columns of the arrays that kernels fill, a row for each frame and for each section of one."""

from __future__ import annotations

from typing import Final

SEQ, FLAGS, AGE, INTERVAL, FIRST_SECTION = range(5)
"""The header of a frame, and the row of its first section; the row after a frame's is the end of its sections."""
HEADERS: Final = 5

FRAME, WIDTH, CODE, COUNT, FORM, BASE, LOW, HIGH, IDS_AT, IDS_END, VALUES_AT, SUMS_AT = range(12)
"""A section: its frame; the number of buckets, or COUNTERS or GAUGES; the type code of its values; how many ids; form
and base of the ids, the lowest and the highest of them; where in the bytes they are; where values and sums begin."""
SECTIONS: Final = 12

COUNTERS: Final = 0
GAUGES: Final = -1
MOST_SECTIONS: Final = 16
"""Sections of a frame that is taken for plain: counters, gauges, and a group for each width of histograms."""
