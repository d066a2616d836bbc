"""Admit the series that a frame defines: each has a value in it, and one id alone (R12.54)."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s, ids_array
from fog_aggregator.core.kinds import KINDS, Kind, Tables
from fog_aggregator.core.places.epoch import Epoch
from fog_schema.frames import KEYFRAME, Frame

_NONE: Final = np.zeros(0, np.int64)


class Admitted(NamedTuple):
    """The ids of a frame that are new and may have slots, by their places, and how many new ones must not have any."""

    places: Int64s
    valueless: int = 0
    repeated: int = 0


def admit(tables: Tables, epoch: Epoch, kind: Kind, defined: tuple[Int64s, Int64s], frame: Frame) -> Admitted:
    """Admit those ids that are new, have a value, and have a series that no other id of the epoch has.

    Args:
        tables: the tables of all kinds.
        epoch: the frame's; the frame's number is taken already, and nothing else of it.
        kind: the kind that the ids have at this place.
        defined: ids, ascending, and the number of the series of each.
        frame: the frame that defines them.
    """
    ids, series = defined
    new = np.flatnonzero(~epoch.knows(kind.forms, ids))
    if not len(new):
        return Admitted(new)
    valued = _ids_with_values(kind, frame)
    fine = np.ones(len(new), np.bool_) if np.array_equal(valued, ids) else np.isin(ids[new], valued)
    valueless = int(np.count_nonzero(~fine))
    alone = new if frame.removed is None else new[~np.isin(ids[new], ids_array(frame.removed))]
    others = _series_of_others(tables, epoch, kind, (ids, series[alone]), frame)
    if len(others) or not (np.diff(series[alone]) > 0).all():
        fine &= ~np.isin(new, alone[_repeats(series[alone], others)])
    return Admitted(new[fine], valueless, int(np.count_nonzero(~fine)) - valueless)


def _ids_with_values(kind: Kind, frame: Frame) -> Int64s:
    """Return the ids of a kind that a frame has values of, ascending where they come in one section."""
    found = [
        ids_array(kinds.section_ids(section))
        for kinds in KINDS
        for form, section in kinds.sections(frame)
        if form in kind.forms
    ]
    return found[0] if len(found) == 1 else np.concatenate([_NONE, *found])


def _series_of_others(tables: Tables, epoch: Epoch, kind: Kind, wanted: tuple[Int64s, Int64s], frame: Frame) -> Int64s:
    """Return which series other ids of the epoch have, and go on having; `wanted`: the frame's ids, and the series."""
    ids, series = wanted
    others = [_NONE]
    for form in kind.forms if len(series) else ():
        if form not in epoch.maps:
            continue
        (known, slots), table = epoch.maps[form].items(), tables[form]
        theirs = table.series[slots]
        near = np.flatnonzero((theirs >= series.min()) & (theirs <= series.max()) & table.live[slots])
        near = near[np.isin(theirs[near], series)]
        if len(near):
            others.append(theirs[near[_stay(epoch, form, known[near], ids, frame)]].astype(np.int64))
    return np.concatenate(others)


def _stay(epoch: Epoch, form: Kind, known: Int64s, ids: Int64s, frame: Frame) -> Bools:
    """Tell which ids that were live before a frame are live after it, for all that is known.

    A delta says what has ended, unless one before it is missing. A keyframe has what is live in its parts: what was in
    none of them until now may have ended.
    """
    if frame.kind != KEYFRAME:
        stay = np.full(len(known), not epoch.gapped)
    else:
        earlier = [part for of, part in epoch.run.ids if of is form.defined_as] if epoch.run is not None else []
        stay = np.isin(known, np.concatenate([ids, *earlier]))
    return stay if frame.removed is None else stay & ~np.isin(known, ids_array(frame.removed))


def _repeats(series: Int64s, others: Int64s) -> Bools:
    """Tell which ids have a series of others, or that an id before them has."""
    repeats = np.ones(len(series), np.bool_)
    repeats[np.unique(series, return_index=True)[1]] = False
    return repeats | np.isin(series, others)
