"""The series of one epoch: their ids, those that live, and removed ones that keyframes still bear. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import is_not
from typing import Final

from fog_agent.core.epoch_series import (
    READ_TOGETHER,
    EpochSeries,
    EpochSeriesSet,
    Pause,
    SeriesValue,
    SourceSeries,
    Watch,
    no_pause,
)
from fog_agent.core.journal.port import NO_JOURNAL, Journal
from fog_agent.core.sections import SECTIONS
from fog_schema.limits import (
    MAX_BOUNDS,
    MAX_LABEL_VALUE_LENGTH,
    MAX_LABELS,
    MAX_NAME_LENGTH,
    MAX_UNIT_LENGTH,
)
from utilityfog_frontend.telemetry.model import MetricType

RETAINED_SECONDS: Final = 15 * 60.0
"""How long a removed id stays in the keyframes after one that bore it was acknowledged."""
MAX_RETAINED: Final = 10_000
"""Removed ids that may wait; while more do, newcomers go to their family's overflow child."""
MOST_NAMED: Final = 10
"""Refused series that are named between two looks at them."""
MAX_LABEL_BYTES: Final = 16 * 1024
"""Of one series, so that each fits into a frame."""
_PLACES: Final = {type_: place for place, type_ in enumerate(SECTIONS)}


@dataclass(slots=True)
class Retained:
    """A removed series that the keyframes still bear; `acknowledged` is when one that bore it was."""

    series: EpochSeries
    acknowledged: float | None = None


class SeriesRegister:
    """Give ids to the series of some watches, and know which of them a frame must bear.

    Args:
        watches: the series to follow.
        origins: what each series had counted before the epoch; series that are not in it begin at zero.
        journal: is told the ids, and which series no frame bears any more.
        pause: called between the parts of the work.

    Attributes:
        refused: how many series were beyond what the wire carries, by their definition or by their value.
        live: the series that have not ended.
        retained: removed series that keyframes still bear.
        members: live and retained ones: a handle of a removed series may go on counting.
    """

    def __init__(
        self,
        watches: Sequence[Watch],
        origins: dict[SourceSeries, SeriesValue],
        journal: Journal = NO_JOURNAL,
        pause: Pause = no_pause,
    ) -> None:
        self.refused = 0
        self.live: dict[SourceSeries, EpochSeries] = {}
        self.retained: dict[SourceSeries, Retained] = {}
        self.members = EpochSeriesSet()
        self._watches = watches
        self._pause = pause
        self._origins = origins
        self._journal = journal
        self._seen: tuple[tuple[SourceSeries, ...], ...] = ()
        self._too_large: set[SourceSeries] = set()
        self._refusals: list[str] = []
        self._next_id = 0

    def follow(self, now: float) -> list[int]:
        """Take note of series that came and that went; return the ids of those that went, ascending."""
        live = tuple([watch.series() for watch in self._watches])
        ended = [series for watch in self._watches for series in watch.take_ended()]
        changed = bool(ended) or len(live) != len(self._seen) or any(map(is_not, live, self._seen))
        if changed:
            self._welcome(live, ended)
        removed = [series.id for source in ended if (series := self._remove(source)) is not None]
        if self._let_go(now) or changed:
            retained = [retained.series for retained in self.retained.values()]
            self.members = EpochSeriesSet([*self.live.values(), *retained], self._pause)
        return sorted(removed)

    def adopt(self, series: Sequence[EpochSeries], removed: Iterable[SourceSeries]) -> None:
        """Take over the series of a process that is dead, with the ids that it gave them."""
        self.members = EpochSeriesSet(series)
        gone = set(removed)
        self.retained = {one.source: Retained(one) for one in series if one.source in gone}

    def retain_longer(self) -> None:
        """Retain every removed series until another keyframe that bears it is acknowledged."""
        for retained in self.retained.values():
            retained.acknowledged = None

    def stopped(self, series: Collection[EpochSeries]) -> None:
        """Take note of series whose totals have become too large: they stay at what was told last."""
        if not series:
            return
        self.members = EpochSeriesSet(self.members.ordered, self._pause)  # their sources are others
        self._refuse(
            [one.source for one in series], "its total is larger than 2^63 - 1, or no number: it stays as it was"
        )

    def take_refusals(self) -> list[str]:
        """Say which series were refused since the last call, and why: the first ones."""
        refusals, self._refusals = self._refusals, []
        return refusals

    def origins(self) -> dict[SourceSeries, SeriesValue]:
        """Tell what each live series had counted when it was last read."""
        return {
            source: series.last_read
            for source, series in self.live.items()
            if series.last_read is not None and series.incremental
        }

    def _welcome(self, live: tuple[tuple[SourceSeries, ...], ...], ended: list[SourceSeries]) -> None:
        """Give ids to series not seen before, also to those that came and went in between: they counted.

        Ids go out by type, so that each type's ids lie together and a bitmap of them is short.
        """
        self._seen = live
        found: dict[MetricType, dict[SourceSeries, None]] = {type_: {} for type_ in SECTIONS}
        too_large = set()
        for source in self._unknown((*live, ended)):
            if is_too_large(source):
                too_large.add(source)
            else:
                found[source.family.type][source] = None
        self._refuse(too_large - self._too_large, "it, or its labels, are longer than a frame carries: it is not sent")
        self._too_large = too_large
        begun = [source for sources in found.values() for source in sources]
        for at in range(0, len(begun), READ_TOGETHER):
            for source in begun[at : at + READ_TOGETHER]:
                self.live[source] = EpochSeries(self._next_id, source, self._origins.pop(source, None))
                self._next_id += 1
            self._pause()
        self._journal.number(((source, self.live[source].id) for source in begun), self._next_id)

    def _refuse(self, series: Collection[SourceSeries], why: str) -> None:
        self.refused += len(series)
        for one in islice(series, MOST_NAMED - len(self._refusals)):
            labels = ",".join(f"{name}={value!r}" for name, value in one.labels)
            self._refusals.append(f"{one.family.name[:MAX_NAME_LENGTH]}{{{labels[:MAX_NAME_LENGTH]}}}: {why}")

    def _unknown(self, groups: Iterable[Sequence[SourceSeries]]) -> Iterator[SourceSeries]:
        for group in groups:
            for at in range(0, len(group), READ_TOGETHER):
                yield from [source for source in group[at : at + READ_TOGETHER] if source not in self.live]
                self._pause()

    def _remove(self, source: SourceSeries) -> EpochSeries | None:
        """Retain what a series that ended has counted; None when no frame needs to say that it went."""
        series = self.live.pop(source, None)
        if series is None:
            return None
        if not series.incremental:  # a keyframe without its id says all that is to be said of it
            return series if series.base is not None else None
        self.retained[source] = Retained(series)
        return series

    def _let_go(self, now: float) -> bool:
        """Forget removed series that were retained for long enough; tell whether any were."""
        gone = [
            source
            for source, retained in self.retained.items()
            if retained.acknowledged is not None and now - retained.acknowledged >= RETAINED_SECONDS
        ]
        for source in gone:
            del self.retained[source]
            self._journal.release(source)
        full = len(self.retained) >= MAX_RETAINED
        for watch in self._watches:
            watch.refuse_newcomers = full
        return bool(gone)


def type_order(source: SourceSeries) -> int:
    """Return the place of a series' type in the order in which ids go out: those of one type lie together."""
    return _PLACES[source.family.type]


def is_too_large(source: SourceSeries) -> bool:
    """Tell whether a series is beyond what the wire carries: it is refused alone, and counted."""
    family, labels = source.family, source.labels
    return (
        len(family.name) > MAX_NAME_LENGTH
        or len(family.unit) > MAX_UNIT_LENGTH
        or len(family.bounds) > MAX_BOUNDS
        or len(labels) > MAX_LABELS
        or any(len(name) > MAX_NAME_LENGTH or len(value) > MAX_LABEL_VALUE_LENGTH for name, value in labels)
        or sum(len(name) + 4 * len(value) for name, value in labels) > MAX_LABEL_BYTES
    )
