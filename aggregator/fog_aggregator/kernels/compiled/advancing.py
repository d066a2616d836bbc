"""Move epochs and their places by plain deltas, as `Fleet.hear` and `Epoch.see` move it frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.kernels.compiled.compiler import compiled
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
    LAST_SEQ,
    LOW,
    NOW,
    OBSERVED,
    OBSERVED_NOW,
    OUTAGE_PACES,
    PACE,
    PLACE_ROW,
    ROW,
    SEQ,
    SETTLED_AT,
    SETTLING,
    STALE,
    TICKET,
    USUAL,
    WIDTH,
)
from fog_aggregator.kernels.ports import Applied, Epochs, Frames, Int64s, Integer, Places


@compiled()
def find_offset(section: Int64s, blocks: Int64s, first: Integer, end: Integer, offsets: Int64s, row: Integer) -> bool:
    """Write how far the slots of a section's ids are beyond these; tell whether all are in a block of its epoch."""
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
    places[3][row] = False
    if timestamp >= clock[NOW]:
        tell_time(clock, timestamp)
        places[0][row], places[1][row] = timestamp, clock[AUDIBLE]
        return
    audible = clock[AUDIBLE] - (clock[NOW] - timestamp) if clock[PACE] != 0.0 else clock[AUDIBLE]
    places[0][row] = max(places[0][row], timestamp)
    places[1][row] = max(places[1][row], audible)


@compiled()
def see(times: NDArray[np.float64], timestamp: float, age: float, interval: float, clock: NDArray[np.float64]) -> bool:
    """Take note of when a frame of an epoch came, and of the age that it tells, as `Epoch.see` does."""
    times[OBSERVED] = clock[OBSERVED_NOW]
    birth = timestamp - age
    if birth < times[BIRTH]:
        times[BIRTH] = max(birth, 0.0)
    is_late = False
    if birth <= times[USUAL]:
        times[USUAL] = birth
    else:
        lag, pause = birth - times[USUAL], timestamp - times[LAST_SEEN]
        if interval / 2 < pause < 2 * interval:
            times[USUAL] += lag / 8
        is_late = lag > clock[STALE] * interval
    times[LAST_SEEN] = max(times[LAST_SEEN], timestamp)
    return is_late


@compiled(
    "int64(Tuple((int64[:, ::1], int64[:, ::1], int64[::1], int64[::1])),"
    "Tuple((int64[:, ::1], float64[:, ::1], int64[:, ::1])),"
    "Tuple((float64[::1], float64[::1], float64[::1], boolean[::1])), float64[::1],"
    "Tuple((int64[::1], int64[::1], int64[::1], boolean[::1])))"
)
def advance(frames: Frames, epochs: Epochs, places: Places, clock: NDArray[np.float64], applied: Applied) -> Integer:
    """Move epochs by their plain deltas up to the first that is not next, or of series in no block; return how many.

    One that tells another interval than its place's last is left as well: which gauges count there goes by it.

    Args:
        frames: headers and sections as `read_deltas` leaves them; the ticket of each frame's epoch, 0 for none, and
            when it was stored, nanoseconds. The first header and its row of sections are those of the first frame.
        epochs: integers and times by epoch's row, shapes (epochs, EPOCH) and (epochs, TIMES); blocks, shape (n, BLOCK).
        places: by place's row.
        clock: the fleet's time.
        applied: takes the offset of each section, from the first frame's on; of each frame the number of its values,
            the row of its place, and whether it came late.
    """
    headers, sections, tickets, stamps = frames
    integers, times, blocks = epochs
    begin = headers[0, FIRST_SECTION]
    for at in range(len(tickets)):
        row = tickets[at] & ROW
        header, epoch, values = headers[at], integers[row], np.int64(0)
        if tickets[at] == 0 or tickets[at] != epoch[TICKET]:
            return at
        if header[SEQ] != epoch[LAST_SEQ] + 1 or header[FLAGS] != epoch[EXPECTED_FLAGS]:
            return at
        timestamp, interval, place = stamps[at] / 1e9, header[INTERVAL] / 1000, epoch[PLACE_ROW]
        if interval != places[2][place]:
            return at
        for section in range(header[FIRST_SECTION], headers[at + 1, FIRST_SECTION]):
            first, end = epoch[FIRST_BLOCK], epoch[END_BLOCK]
            if not find_offset(sections[section], blocks, first, end, applied[0], section - begin):
                return at
            values += sections[section, COUNT]
        epoch[LAST_SEQ] += 1
        hear(places, place, timestamp, clock)
        applied[1][at], applied[2][at] = values, place
        applied[3][at] = see(times[row], timestamp, header[AGE] / 1000, interval, clock)
    return len(tickets)
