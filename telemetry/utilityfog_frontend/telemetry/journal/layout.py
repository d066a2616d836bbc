"""Lay a journal out: which number stands where in the file. Pure.

A journal is a header and segments, in cells of 8 bytes and the machine's own byte order. A segment is a row of records,
a family, a series or a batch each, as long as the first cell says; a first cell of 0 ends the row. Whatever is written,
the cell that makes it valid is written last, in one store: a kill between two stores leaves the old state or the new
one.

Epochs are counted by an ordinal, from 1. All that is an epoch's own stands twice, in two banks; the ordinal's parity
says which is the present one's, so that one store of the ordinal ends an epoch and begins the next.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

CELL: Final = 8
MAGIC: Final = int.from_bytes(b"FOGJRNL1", "little")
VERSION: Final = 1

HEADER_BYTES: Final = 64 * 1024
"""With each segment a multiple of the largest page that a machine has, as only whole pages can be mapped."""
SEGMENTS: Final = 64
"""Segments that a journal may have."""
FIRST_SEGMENT: Final = 64 * 1024
LARGEST_SEGMENT: Final = 4 * 1024 * 1024
MAX_BYTES: Final = 64 * 1024 * 1024
"""Longest journal: some 200,000 counters."""

# Cells of the header.
AT_MAGIC: Final = 0
AT_VERSION: Final = 1
AT_ORDINAL: Final = 2
AT_PUBLICATION: Final = 3
"""Which of the two texts about the publication holds: 0 for none, 1 or 2."""
AT_BATCH: Final = 4
"""Where the record of a batch begins in the file, bytes, from when it is to be counted until all of it is; else 0."""
AT_BANKS: Final = (8, 16)
"""Where the cells of an epoch stand, by the parity of its ordinal."""
AT_SEGMENTS: Final = 32

# Cells of an epoch.
EPOCH: Final = 0
SEQ: Final = 1
"""The last seq that may have been used."""
NEXT_ID: Final = 2
"""Every id below it may have been used."""
BIRTH: Final = 3
"""Unix seconds, a double."""
LAST_SENT: Final = 4
"""Unix seconds since which no frame was sent, a double; 0 when none was."""
ACKNOWLEDGED: Final = 5
"""1 when the final of the epoch is in the stream."""
FINAL_SENT: Final = 6
"""Unix seconds since which a final of the epoch may be in the stream, a double; 0 while none was encoded."""

# Texts of the header: where, and how long at most.
IDENTITY: Final = (1024, 1024)
PUBLICATIONS: Final = ((4096, 28 * 1024), (32 * 1024, 28 * 1024))

# Records.
FAMILY: Final = 1
SERIES: Final = 2
FREE: Final = 3
BATCH: Final = 4
"""Counts that are made as one: whoever reads the journal makes them, if its process was killed meanwhile."""
SETTLED: Final = 5
"""A batch whose counts are made, and whose file is still there."""

# Cells of a series' record.
STATE: Final = 1
CLOSED: Final = 2
"""The ordinal of the epoch whose final was the last to bear it; 0 for none."""
IDS: Final = (3, 4)
"""Its id and one, by the parity of the ordinal; 0 before it has an id."""
FAMILY_AT: Final = 5
"""Where the family's record begins in the file, bytes."""
WIDTH: Final = 6
"""Cells of its value. The value is followed by two values at which the count of an epoch begins, one for each bank."""
VALUE: Final = 8

# Cells of a batch's record. Behind the stores is a text: the file that has the counts until they are made.
STORES_LENGTH: Final = 1
"""Cells of the stores: of each where it begins in the file, bytes, how many cells it has, and these cells."""
STORES: Final = 2

ALIVE: Final = 0
ENDED: Final = 1
RELEASED: Final = 2
"""No frame needs to bear it any more."""

_TEXT: Final = struct.Struct("<II")
_ROUND: Final = 8


class JournalError(Exception):
    """A file is no journal that can be read.

    Attributes:
        reason: ``version``, ``torn`` or ``expired``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def head(cells: int, kind: int) -> int:
    """Make the first cell of a record."""
    return cells << 8 | kind


def split_head(cell: int) -> tuple[int, int]:
    """Return how many cells a record has, and its kind."""
    return cell >> 8, cell & 0xFF


def rounded(cells: int) -> int:
    """Round the length of a record up, so that one that is not needed any more fits others."""
    return -(-cells // _ROUND) * _ROUND


def signed(number: int) -> int:
    """Return a number of 64 bits as a cell holds it."""
    return number - 2**64 if number >= 2**63 else number


def unsigned(cell: int) -> int:
    """Return what a cell holds as a number without a sign."""
    return cell + 2**64 if cell < 0 else cell


def pack_text(text: Mapping[str, Any] | list[Any]) -> bytes:
    """Write plain values as text that a reader can check."""
    data = json.dumps(text, separators=(",", ":")).encode()
    return _TEXT.pack(len(data), zlib.crc32(data)) + data


def read_text(buffer: Buffer, at: int, limit: int) -> Any:
    """Read plain values at byte `at`, which take at most `limit` bytes.

    Raises:
        JournalError: they are not what was written.
    """
    if limit < _TEXT.size or at + limit > len(buffer):
        raise JournalError("torn", f"the text at byte {at} is cut off")
    length, checksum = _TEXT.unpack_from(buffer, at)
    data = bytes(buffer[at + _TEXT.size : at + _TEXT.size + length])
    if length > limit - _TEXT.size or zlib.crc32(data) != checksum:
        raise JournalError("torn", f"the text at byte {at} is not what was written: its checksum differs")
    return json.loads(data)
