"""Let a writer take notes outside of its process, so that another one can end its epoch after a kill -9. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from fog_agent.core.epoch_series import SeriesValue, SourceSeries


class Journal(Protocol):
    """Takes note; each call is before a frame that depends on it is handed out (R11.34)."""

    def reserve(self, epoch: int, seq: int) -> None:
        """Note that a frame of an epoch with this seq may be sent from now on."""

    def number(self, ids: Iterable[tuple[SourceSeries, int]], next_id: int) -> None:
        """Note the ids of series in the present epoch, and that all below `next_id` may have been used."""

    def release(self, series: SourceSeries) -> None:
        """Note that no frame needs to bear a series any more."""

    def end_epoch(self, origins: Mapping[SourceSeries, SeriesValue], closed: Iterable[SourceSeries]) -> None:
        """Note that the final is encoded: what it said of series that live on, and which ones ended in this epoch."""

    def acknowledge(self) -> None:
        """Note that the final of the epoch before is in the stream."""


class NoJournal:
    """Take the place of a journal where counts are in memory alone."""

    def reserve(self, epoch: int, seq: int) -> None:
        """Do nothing."""

    def number(self, ids: Iterable[tuple[SourceSeries, int]], next_id: int) -> None:
        """Do nothing."""

    def release(self, series: SourceSeries) -> None:
        """Do nothing."""

    def end_epoch(self, origins: Mapping[SourceSeries, SeriesValue], closed: Iterable[SourceSeries]) -> None:
        """Do nothing."""

    def acknowledge(self) -> None:
        """Do nothing."""


NO_JOURNAL: Final = NoJournal()
