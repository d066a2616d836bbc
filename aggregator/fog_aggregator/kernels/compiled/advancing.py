"""Move the state of writers by their plain deltas, as `Fleet.hear` and `Epoch.see` move it frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.kernels.compiled.compiler import TABLE, compiled
from fog_aggregator.kernels.layout import (
    AGE,
    AUDIBLE,
    BIRTH,
    BLOCK_HIGH,
    BLOCK_LOW,
    BLOCK_OFFSET,
    BLOCK_WIDTH,
    COUNT,
    END_BLOCK,
    EXPECTED_FLAGS,
    FIRST_BLOCK,
    FIRST_SECTION,
    FLAGS,
    HIGH,
    INTERVAL,
    LAST_SEEN,
    LOW,
    NEXT_SEQ,
    NOW,
    OUTAGE_PACES,
    PACE,
    PLACE_ROW,
    SEQ,
    SETTLED_AT,
    SETTLING,
    STALE,
    USUAL,
    WIDTH,
)
from fog_aggregator.kernels.ports import Applied, Frames, Int64s, Integer, Places, Writers


@compiled()
def find_offset(section: Int64s, blocks: Int64s, first: Integer, end: Integer, offsets: Int64s, row: Integer) -> bool:
    """Write how far the slots of a section's ids are beyond these; tell whether all are in a block of its writer."""
    for block in range(first, end):
        if blocks[block, BLOCK_WIDTH] == section[WIDTH]:
            offsets[row] = blocks[block, BLOCK_OFFSET]
            return bool(blocks[block, BLOCK_LOW] <= section[LOW] and section[HIGH] < blocks[block, BLOCK_HIGH])
    return False


@compiled()
def tell_time(clock: NDArray[np.float64], timestamp: float) -> None:
    """Take note of a server's timestamp, as `FleetTime.read` does."""
    if timestamp > clock[NOW]:
        gap, pace = timestamp - clock[NOW], clock[PACE]
        if pace != 0.0 and gap > clock[OUTAGE_PACES] * pace and clock[NOW] != 0.0:
            clock[SETTLED_AT] = timestamp + clock[SETTLING]
        clock[AUDIBLE] += min(gap, pace, max(0.0, timestamp - clock[SETTLED_AT]))
        clock[NOW] = timestamp


@compiled()
def hear(places: Places, row: Integer, timestamp: float, clock: NDArray[np.float64]) -> None:
    """Take note of when a frame of a place came, as `Fleet.hear` does."""
    if timestamp >= clock[NOW]:
        tell_time(clock, timestamp)
        places[0][row], places[1][row] = timestamp, clock[AUDIBLE]
        return
    audible = clock[AUDIBLE] - (clock[NOW] - timestamp) if clock[PACE] != 0.0 else clock[AUDIBLE]
    places[0][row] = max(places[0][row], timestamp)
    places[1][row] = max(places[1][row], audible)


@compiled()
def see(
    times: NDArray[np.float64], writer: Integer, timestamp: float, age: float, interval: float, stale: float
) -> bool:
    """Take note of when a frame of a writer came, and of the age that it tells, as `Epoch.see` does."""
    birth = timestamp - age
    if birth < times[BIRTH, writer]:
        times[BIRTH, writer] = max(birth, 0.0)
    is_late = False
    if birth <= times[USUAL, writer]:
        times[USUAL, writer] = birth
    else:
        lag, pause = birth - times[USUAL, writer], timestamp - times[LAST_SEEN, writer]
        if interval / 2 < pause < 2 * interval:
            times[USUAL, writer] += lag / 8
        is_late = lag > stale * interval
    times[LAST_SEEN, writer] = max(times[LAST_SEEN, writer], timestamp)
    return is_late


@compiled(
    "int64(Tuple((int64[:, ::1], int64[:, ::1], int64[::1], int64[::1])),"
    f"Tuple((int64[:, ::1], float64[:, ::1], {TABLE})), UniTuple(float64[::1], 3), float64[::1],"
    "Tuple((int64[::1], int64[::1], boolean[::1])))"
)
def advance(frames: Frames, writers: Writers, places: Places, clock: NDArray[np.float64], applied: Applied) -> Integer:
    """Move writers by their plain deltas up to the first that is not next, or of series in no block; return how many.

    One that tells another interval than its place's last is left as well: which gauges count there goes by it.

    Args:
        frames: headers and sections as `read_deltas` leaves them; of each frame its writer's number and when it was
            stored, nanoseconds. The first header and its row of sections are those of the first frame.
        writers: of each what is known, and its times, shapes (5, writers) and (3, writers); all blocks, shape (n, 4).
        places: by place's row.
        clock: the fleet's time.
        applied: takes the offset of each section, from the first frame's on; of each frame the number of its values,
            and whether it came late.
    """
    headers, sections, of, stamps = frames
    known, times, blocks = writers
    begin = headers[0, FIRST_SECTION]
    for at in range(len(of)):
        header, writer, values = headers[at], of[at], np.int64(0)
        if header[SEQ] != known[NEXT_SEQ, writer] or header[FLAGS] != known[EXPECTED_FLAGS, writer]:
            return at
        timestamp, interval, place = stamps[at] / 1e9, header[INTERVAL] / 1000, known[PLACE_ROW, writer]
        if interval != places[2][place]:
            return at
        first, end = known[FIRST_BLOCK, writer], known[END_BLOCK, writer]
        for row in range(header[FIRST_SECTION], headers[at + 1, FIRST_SECTION]):
            if not find_offset(sections[row], blocks, first, end, applied[0], row - begin):
                return at
            values += sections[row, COUNT]
        known[NEXT_SEQ, writer] += 1
        hear(places, place, timestamp, clock)
        applied[1][at] = values
        applied[2][at] = see(times, writer, timestamp, header[AGE] / 1000, interval, clock[STALE])
    return len(of)
