"""Read checkpoints of version 6, in which listed events were open and each series had its bounds."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fog_schema.errors import FrameError
from fog_schema.events import pack_event
from fog_schema.frames import Event

Plain = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


def migrate(plain: Plain, arrays: Arrays) -> tuple[Plain, Arrays]:
    """Return the plain values and arrays of version 7.

    Raises:
        LookupError: something is missing; other errors when something is of another type.
    """
    parts = plain["parts"]
    events = parts["events"]
    gone = events["total"] - len(events["listed"])
    listed = [
        (path, epoch, number, received, _packed(Event(*content)), order)
        for order, (path, epoch, number, received, *content) in enumerate(events["listed"], gone + 1)
    ]
    later = {"catalog": _with_shared_bounds(parts["catalog"])}
    later |= {"events": events | {"listed": listed, "evicted": {"number": gone, "bytes": 0}}}
    return plain | {"parts": parts | later}, arrays


def _with_shared_bounds(catalog: Plain) -> Plain:
    """Let the series of one set of bounds name it by a number."""
    numbers: dict[tuple[float, ...], int] = {}
    series = [
        (family, labels, numbers.setdefault(tuple(bounds), len(numbers)))
        for family, labels, bounds in catalog["series"]
    ]
    return catalog | {"series": series, "bounds": list(numbers)}


def _packed(event: Event) -> bytes:
    """Pack an event; of one that is longer now than when it came, its name alone."""
    try:
        return pack_event(event)
    except FrameError as error:
        return pack_event(Event(event.name, None, {}, {"not_carried": str(error)}, event.timestamp))
