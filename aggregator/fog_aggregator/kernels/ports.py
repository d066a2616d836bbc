"""Name the kernels. Each is a function on arrays, and is described where it is defined, in `compiled`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Int64s: TypeAlias = NDArray[np.int64]
Integer: TypeAlias = int | np.signedinteger[Any]
"""An integer as Python, and the type checker, see what is an int64 in a kernel."""
Bits: TypeAlias = NDArray[np.uint64]
Sections: TypeAlias = tuple[Bytes, Int64s, Int64s]
"""The bytes of frames, sections of these, the offset of each one's slots from its ids."""


Frames: TypeAlias = tuple[Int64s, Int64s, Int64s, Int64s]
"""Headers and sections of frames, the ticket of each frame's epoch, when each was stored."""
Epochs: TypeAlias = tuple[Int64s, NDArray[np.float64], Int64s]
"""Integers of epochs, their times, their blocks."""
Places: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]
"""The time of each place's last frame, the audible time then, its interval, and whether it has ended."""
Applied: TypeAlias = tuple[Int64s, Int64s, Int64s, NDArray[np.bool_]]
"""The offset of each section; how many values each frame has, the row of its place, and whether it came late."""

AddRuns: TypeAlias = Callable[[Int64s, Int64s, Int64s, Int64s, Int64s], bool | np.bool_]


class Kernels(NamedTuple):
    """The compiled kernels. A new one is a field here, and a function of the same name in a module of `compiled`."""

    read_deltas: Callable[[Bytes, Int64s, NDArray[np.bool_], Bits, Int64s, Int64s], None]
    advance: Callable[[Frames, Epochs, Places, NDArray[np.float64], Applied], Integer]
    add_counts: Callable[[Bytes, Int64s, Int64s, Int64s], None]
    set_gauges: Callable[[Bytes, Int64s, Int64s, NDArray[np.float64]], None]
    add_buckets: Callable[[Bytes, Int64s, Int64s, Int64s, NDArray[np.float64]], None]
    add_runs: AddRuns
    add_bucket_runs: AddRuns
