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
