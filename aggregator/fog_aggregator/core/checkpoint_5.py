"""Read checkpoints of version 5, in which silence was measured by the server's time, and nodes did not end."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plain = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


def migrate(plain: Plain, arrays: Arrays) -> tuple[Plain, Arrays]:
    """Return the plain values and arrays of version 6.

    Raises:
        LookupError: something is missing; other errors when something is of another type.
    """
    parts = plain["parts"]
    roster, time = parts["roster"], parts["time"]
    moved = {
        "roster/place.audible_at": arrays["roster/place.last_seen"].copy(),
        "roster/place.ended": _ended(roster["places"], parts["tombstones"]["stones"], arrays),
    }
    details = [(path, (*coverage, 0, 0)) for path, coverage in roster["details"]]
    later = {
        "roster": roster | {"details": details},
        "time": time | {"audible_seconds": time["now"]},
        "events": {"refused": 0} | parts["events"],
    }
    return plain | {"parts": parts | later}, arrays | moved


def _ended(places: list[Any], stones: list[Any], arrays: Arrays) -> NDArray[np.bool_]:
    """Tell which places have ended in good order: they have no epoch, and all that are remembered had their final."""
    finals: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    for path, _, _, final, _ in stones:
        finals[tuple(path)].append(final)
    owners = arrays["roster/epoch.place"][arrays["roster/epoch.id"] != 0]
    empty = ~np.isin(arrays["roster/place.row"], owners)
    orderly = [not branch and all(finals.get(tuple(path), [False])) for path, branch, *_ in places]
    return empty & np.array(orderly, np.bool_)
