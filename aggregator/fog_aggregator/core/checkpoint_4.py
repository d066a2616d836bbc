"""Read checkpoints of version 4, in which everything was one mapping and kinds of value were numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Plain = dict[str, Any]
Arrays = dict[str, NDArray[Any]]

_KINDS: Final = {0: "integer_counter", -1: "gauge", -2: "fractional_counter", -3: "gauge_summary"}
_SUMMARIES: Final = -3
_EPOCHS: Final = {
    "node": "place",
    "id": "id",
    "row": "row",
    "seq": "seq",
    "gaps": "gaps",
    "keyframes": "keyframes",
    "birth": "birth",
    "heard": "last_seen",
    "watched": "observed",
    "shared": "shared",
    "gapped": "gapped",
    "returning": "returning",
    "huge": "huge",
}
_PLACES: Final = {
    "row": "row",
    "first_heard": "first_seen",
    "retired": "retired",
    "heard": "last_seen",
    "interval": "interval",
}


def migrate(plain: Plain, arrays: Arrays) -> tuple[Plain, Arrays]:
    """Return the plain values and arrays of version 5.

    Raises:
        LookupError: something is missing; other errors when something is of another type.
    """
    moved = {f"roster/place.{new}": arrays[f"node/{old}"] for old, new in _PLACES.items()}
    moved |= {f"roster/epoch.{new}": arrays[f"epoch/{old}"] for old, new in _EPOCHS.items()}
    moved["retired/last_held"] = arrays["series/held"]
    numbers = sorted({int(name.split("/")[1]) for name in arrays if name.startswith("table/")})
    for number in numbers:
        columns = [name for name in arrays if name.startswith(f"table/{number}/")]
        for column in (name.rpartition("/")[2] for name in columns):
            if column != "sums" or number > 0:
                moved[f"slots/{_kind(number)}.{column}"] = arrays[f"table/{number}/{column}"]
    moved |= _value_counts(plain, arrays)
    parts = {
        "roster": _roster(plain, arrays),
        "slots": {"kinds": [_kind(number) for number in numbers]},
        "catalog": {"families": plain["families"], "series": plain["series"], "free": plain["series_free"]},
        "tombstones": {"stones": plain["tombstones"]},
        "time": {
            "now": plain["now"],
            "observed_seconds": plain["watched"],
            "needs_keyframe_round": plain["in_doubt"],
        },
        "retired": {"by_family": plain["ledger"]},
        "events": _events(plain["events"]),
        "ratchet": {"exported": plain["ratchet"], "grouped": plain.get("ratchet_grouped", [])},
    }
    return {"scope": plain["scope"], "streams": plain["streams"], "parts": parts}, moved


def _kind(number: int) -> str:
    """Return the name of a kind by its number in version 4: positive ones were histograms of so many buckets."""
    return f"bucket_histogram_{number}" if number > 0 else _KINDS[number]


def _roster(plain: Plain, arrays: Arrays) -> Plain:
    branches = arrays["node/branch"].tolist()
    return {
        "places": [(path, branch, *rest) for (path, *rest), branch in zip(plain["nodes"], branches, strict=True)],
        "details": [(path, coverage) for path, coverage, _ in plain["replicas"] if coverage is not None],
        "runs": [
            (path, epoch, next_part, [(_kind(number), ids) for number, ids in known])
            for path, epoch, next_part, known in plain["runs"]
        ],
        "closed_early": plain["folded_early"],
    }


def _value_counts(plain: Plain, arrays: Arrays) -> Arrays:
    """Find the slots of the summaries whose values are counted: version 4 named their epochs and ids."""
    prefix = f"table/{_SUMMARIES}/"
    used = np.flatnonzero(arrays[f"{prefix}series"] >= 0)
    of_id = dict(
        zip(
            zip(arrays[f"{prefix}epoch"][used].tolist(), arrays[f"{prefix}ids"][used].tolist(), strict=True),
            used.tolist(),
            strict=True,
        )
    )
    rows = {tuple(path): row for (path, *_), row in zip(plain["nodes"], arrays["node/row"].tolist(), strict=True)}
    owners = zip(arrays["epoch/node"].tolist(), arrays["epoch/id"].tolist(), strict=True)
    epochs = dict(zip(owners, arrays["epoch/row"].tolist(), strict=True))
    counted = sorted(
        (of_id[epochs[rows[tuple(path)], epoch], number], value, nodes)
        for path, _, counts in plain["replicas"]
        for epoch, number, values, several in counts
        for value, nodes in zip(values, several, strict=True)
    )
    slot, value, nodes = zip(*counted, strict=True) if counted else ((), (), ())
    name = f"slots/{_KINDS[_SUMMARIES]}.value_counts"
    return {
        f"{name}.slot": np.array(slot, np.int64),
        f"{name}.value": np.array(value, np.float64),
        f"{name}.nodes": np.array(nodes, np.int64),
    }


def _events(plain: Plain) -> Plain:
    total, repeated, lost = plain["totals"]
    return {
        "listed": plain["listed"],
        "seen": plain["seen"],
        "wanted": [(path, epoch, *numbers) for path, epoch, numbers in plain["wanted"]],
        "total": total,
        "repeated": repeated,
        "lost": lost,
    }
