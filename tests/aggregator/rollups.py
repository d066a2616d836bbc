"""Rollup frames put together by hand, as another implementation of SPEC.md's section 13 might, without the writer."""

from __future__ import annotations

from typing import Any

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.components.rollup.watch import coverage_numbers
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.query.totals import Totals
from fog_schema.codec import decode, encode, encode_definitions
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.frames import (
    DELTA,
    FINAL,
    KEYFRAME,
    LAST_PART,
    Definition,
    Frame,
    Histograms,
    Lasts,
    Numbers,
    Summaries,
    ValueCounts,
)
from utilityfog_frontend.telemetry.model import HistogramValue


class Reporter:
    """One replica's run: turns totals into keyframes, which may say which state they are of, and deltas."""

    def __init__(self, epoch: int, origin: Origin | None = None) -> None:
        self.epoch = epoch
        self.info = None if origin is None else dict(origin.as_info())
        self.seq = 0
        self._ids: dict[Any, int] = {}
        self._base: dict[int, Any] = {}

    def keyframe(self, totals: Totals, *, final: bool = False) -> Frame:
        """Everything, in one part."""
        self._base = {}
        return self._frame(totals, KEYFRAME, LAST_PART | (FINAL if final else 0))

    def delta(self, totals: Totals) -> Frame:
        """Return the changes and the ids that are gone."""
        return self._frame(totals, DELTA, 0)

    def skip(self, totals: Totals) -> None:
        """Make a delta that never arrives."""
        self.delta(totals)

    def _frame(self, totals: Totals, kind: int, flags: int) -> Frame:
        self.seq += 1
        now, defined = self._values(totals), []
        for number, value in sorted(now.items()):
            if number not in self._base:
                defined.append(self._definition(totals, number, value))
        changed = {number: value for number, value in now.items() if self._base.get(number) != value}
        gone = sorted(self._base.keys() - now.keys())
        frame = Frame(kind, self.epoch, self.seq, flags, definitions=encode_definitions(defined))
        _counters(frame, changed, self._base)
        _histograms(frame, changed, self._base)
        _gauges(frame, changed)
        frame.removed = pack_ids(gone) if gone else None
        covered = totals.coverage
        frame.coverage, absences = coverage_numbers(covered)
        frame.absences = absences if any(absences) else None
        self._base = now
        frame.info = self.info if kind == KEYFRAME else None
        return decode(encode(frame))

    def _values(self, totals: Totals) -> dict[int, Any]:
        """By id; a series is the same one for as long as its labels are."""
        found: dict[int, Any] = {}
        for series, value in totals.values.items():
            entry = totals.entries[series]
            found[self._ids.setdefault(entry, len(self._ids))] = value
        return found

    def _definition(self, totals: Totals, number: int, value: object) -> Definition:
        entry = next(entry for entry, known in self._ids.items() if known == number)
        family = totals.families[entry.family]
        names, values = zip(*entry.labels, strict=True) if entry.labels else ((), ())
        key = family.key
        assert key.type == {HistogramValue: 2, GaugeSummary: 1}.get(type(value), 0)
        return Definition(
            key.name, key.type, family.help, key.unit, entry.bounds, family.rollup, names, pack_ids([number]), values
        )


def _counters(frame: Frame, changed: dict[int, Any], base: dict[int, Any]) -> None:
    whole = {number: value - base.get(number, 0) for number, value in changed.items() if type(value) is int}
    fractions = {number: value for number, value in changed.items() if type(value) is float}
    if whole:
        frame.counters = Numbers(pack_ids(sorted(whole)), pack_ints([whole[number] for number in sorted(whole)]))
    if fractions:
        ids = sorted(fractions)
        frame.fractions = Numbers(pack_ids(ids), pack_floats([fractions[number] for number in ids]))


def _histograms(frame: Frame, changed: dict[int, Any], base: dict[int, Any]) -> None:
    by_width: dict[int, list[int]] = {}
    for number, value in sorted(changed.items()):
        if isinstance(value, HistogramValue):
            by_width.setdefault(len(value.counts), []).append(number)
    groups = []
    for width, ids in by_width.items():
        counts: list[int] = []
        for number in ids:
            before = base[number].counts if number in base else (0,) * width
            counts += [now - then for now, then in zip(changed[number].counts, before, strict=True)]
        groups.append(Histograms(width, pack_ids(ids), pack_ints(counts), pack_floats([changed[n].sum for n in ids])))
    frame.histograms = tuple(groups)


def _gauges(frame: Frame, changed: dict[int, Any]) -> None:
    rows = {number: value for number, value in sorted(changed.items()) if isinstance(value, GaugeSummary)}
    if not rows:
        return
    columns = [pack_floats([getattr(row, name) for row in rows.values()]) for name in ("sum", "min", "max")]
    frame.summaries = Summaries(pack_ids([*rows]), pack_ints([row.count for row in rows.values()]), *columns)
    dated = {number: row.last for number, row in rows.items() if row.last}
    frame.lasts = Lasts(
        pack_ids([*dated]), *(pack_floats([pair[place] for pair in dated.values()]) for place in (0, 1))
    )
    valued = {number: row.values for number, row in rows.items() if row.values}
    pairs = [pair for values in valued.values() for pair in values]
    frame.value_counts = ValueCounts(
        pack_ids([*valued]),
        pack_ints([len(values) for values in valued.values()]),
        pack_floats([value for value, _ in pairs]),
        pack_ints([nodes for _, nodes in pairs]),
    )
