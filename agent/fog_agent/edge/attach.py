"""Attach an agent to a collector: what it knows under a path lives on the collector, and outlives the agent."""

from __future__ import annotations

import asyncio
import pathlib
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from fog_agent.core.epoch_series import SourceSeries, Watch
from fog_agent.core.filters.parsing import FilterError
from fog_agent.core.filters.rules import Filters
from fog_agent.core.filters.watch import OUTCOMES, FilteredWatch, gauges_without_rollup
from fog_agent.core.journal.port import NO_JOURNAL
from fog_agent.core.journal.recovery import Address
from fog_agent.core.publication import Holder, Publication
from fog_agent.core.writer import Settings
from fog_agent.edge.driving.worker import Worker
from fog_agent.edge.options import Beside
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_agent.edge.state_file import StateFile
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.journal.journal import Journal
from utilityfog_frontend.telemetry.support.breathing import Breather


def new_epoch() -> int:
    """Draw a random id from 1 to 2^64 - 1; epochs have no order."""
    return secrets.randbits(64) or 1


class WatchOfProcess:
    """A watch whose gauges are published while `gauges()` says so: those of a forked child are its parent's to tell."""

    def __init__(self, watch: Watch, gauges: Callable[[], bool]) -> None:
        self.gauges = gauges
        self.watch = watch
        self._all: tuple[SourceSeries, ...] = ()
        self._counts: tuple[SourceSeries, ...] = ()

    @property
    def refuse_newcomers(self) -> bool:
        """As the watch's."""
        return self.watch.refuse_newcomers

    @refuse_newcomers.setter
    def refuse_newcomers(self, refuse: bool) -> None:
        self.watch.refuse_newcomers = refuse

    def series(self) -> tuple[SourceSeries, ...]:
        """Return the live series: the same tuple while none came or went."""
        series = self.watch.series()
        if self.gauges():
            return series
        if series is not self._all:
            self._all, self._counts = series, _counts_of(series)
        return self._counts

    def take_ended(self) -> Sequence[SourceSeries]:
        """Return the series that ended since the last call."""
        ended = self.watch.take_ended()
        return ended if self.gauges() else _counts_of(ended)


def _counts_of(series: Sequence[SourceSeries]) -> tuple[SourceSeries, ...]:
    return tuple(one for one in series if one.family.type.incremental)


class Parts(Protocol):
    """The parts of an agent that run."""

    worker: Worker

    def cancel(self) -> None:
        """Have all tasks end."""


class Tenure:
    """Held by an agent from its start to its end, or to the end of its event loop. Thread-safe.

    A loop may end before its agent: `asyncio.run` cancels what nobody has stopped, a thread may die.

    Args:
        parts: end when another agent takes over: beside the loop at once, and on it, should it run again after all.

    Attributes:
        loop: the loop that was running when this was made.
        lost: another agent has taken over.
    """

    def __init__(self, parts: Parts) -> None:
        self.loop = asyncio.get_running_loop()
        self.lost = False
        self._parts = parts

    @property
    def lasts(self) -> bool:
        """Whether its agent may be publishing."""
        return not self.lost and self.loop.is_running()

    @property
    def is_elsewhere(self) -> bool:
        """Whether its loop runs in another thread."""
        try:
            return self.lasts and asyncio.get_running_loop() is not self.loop
        except RuntimeError:
            return self.lasts

    def lose(self) -> bool:
        """Let another agent take over; tell whether it may."""
        self.lost = True
        with suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(self._parts.cancel)
        return self._parts.worker.leave()


def attach(
    collector: TelemetryCollector,
    address: Address,
    now: float,
    holder: Holder,
    gauges: Callable[[], bool],
    beside: Beside,
) -> Publication:
    """Take hold of a collector's publication at an address; of gauges only while `gauges()` says so.

    Of its series that is sent which the filters beside it let through; they stay for as long as the publication.

    Its journal, if it has one, is told where it is published.

    An agent that ended without a word, with its event loop, does not hold it any more: this one goes on from there.

    Raises:
        RuntimeError: when an agent has it already: two would count everything twice.
        FilterError: the filters cannot be used with this collector, or are others than before.
    """
    path, settings = address.path, address.settings
    journal = _claimed(collector, path)
    publication = _publication_at(collector, address, now, journal, beside)
    before = publication.holder
    if before is not None and (before.lasts or not before.lose()):
        raise RuntimeError(
            f"an agent already publishes this collector under {format_path(path)}: two would count everything twice; "
            "stop the first one, or give the second its own collector"
        )
    publication.holder = holder
    collector.read_every(settings.interval)
    for watch in publication.watches:
        if isinstance(watch, WatchOfProcess):
            watch.gauges = gauges
    publication.resume(settings, now)
    if journal is not None:
        _tell(journal, address)
    return publication


def _publication_at(
    collector: TelemetryCollector, address: Address, now: float, journal: Journal | None, beside: Beside
) -> Publication:
    """Return what a collector publishes at an address: as before, or from now on."""
    key = ("fog_agent", address.path)
    publication = collector.attachments.get(key)
    if not isinstance(publication, Publication) or publication.orphaned:
        publication = _publication_of(collector, address.settings, now, journal, beside)
        collector.attachments[key] = publication
    elif filters_of(publication) != beside.filters:
        where = format_path(address.path)
        raise FilterError(f"{where} was published with other filters, which stay while the collector does")
    return publication


def hold_state(collector: TelemetryCollector, publication: Publication, directory: pathlib.Path, path: Path) -> None:
    """Take hold of the state file of a collector under `path`; its sources go on from what it remembers. Blocks.

    Raises:
        StateDirError: the file is another's, or cannot be used.
    """
    key = ("fog_agent.state", path)
    state = collector.attachments.get(key)
    if not isinstance(state, StateFile) or state.orphaned:
        metrics = publication.metrics
        failed = metrics.state_errors.increment if isinstance(metrics, SelfMetrics) else lambda: None
        state = collector.attachments[key] = StateFile(directory, path, failed)
        state.forget(collector.resume_totals(state.readings))
    publication.remember = state.remember


def release_state(collector: TelemetryCollector, publication: Publication, path: Path) -> None:
    """Let another agent have the state file: everything that was read is told."""
    state = collector.attachments.pop(("fog_agent.state", path), None)
    if isinstance(state, StateFile):
        publication.remember = lambda _: None
        state.close()


def _claimed(collector: TelemetryCollector, path: Path) -> Journal | None:
    """Return the collector's journal if it is this publication's: one journal has the epochs of one path."""
    journal = collector.journal
    if journal is None or journal.claim(path):
        return journal
    if journal.running:
        collector.report(
            "journal", "the journal is kept for another path: a kill -9 loses counts under %s", format_path(path)
        )
    return None


def _tell(journal: Journal, address: Address) -> None:
    """Note in the journal where its counts are published; without the facts for people when they are too long."""
    try:
        journal.publish(address.to_text())
    except ValueError:
        journal.publish(replace(address, settings=replace(address.settings, info=())).to_text())


def filters_of(publication: Publication) -> Filters | None:
    """Return the filters of a publication."""
    watches = [watch.watch for watch in publication.watches if isinstance(watch, WatchOfProcess)]
    return next((watch.filters for watch in watches if isinstance(watch, FilteredWatch)), None)


def _filtered(collector: TelemetryCollector, watch: Watch, beside: Beside, metrics: SelfMetrics) -> Watch:
    filters = beside.filters
    if filters is None:
        return watch
    if collector.journal is not None:
        raise FilterError(
            "filters cannot be used with a journal: what it has of a series may be one of several in a sum"
        )
    refused = [] if beside.inherited else gauges_without_rollup(watch.series(), filters)
    if refused:
        raise FilterError(
            f"an aggregate rule would merge gauges of {', '.join(refused)}: give them a rollup= that begins with sum, "
            "min, max or avg, or leave them out of the rule's match"
        )
    metrics.expect_filters((*filters.names(), *OUTCOMES))
    return FilteredWatch(watch, filters, metrics)


def _publication_of(
    collector: TelemetryCollector, settings: Settings, now: float, journal: Journal | None, beside: Beside
) -> Publication:
    """Publish the program's collector and the agent's own metrics in the same frames. The sender refreshes them."""
    own = TelemetryCollector(self_metrics=False)
    metrics = SelfMetrics(own, settings)
    watch = _filtered(collector, collector.watch_series(refresh=False), beside, metrics)
    return Publication(
        tuple(WatchOfProcess(one, gauges=lambda: True) for one in (watch, own.watch_series(refresh=False))),
        metrics,
        settings,
        now,
        new_epoch if journal is None else lambda: journal.epoch,
        event_watch=collector.watch_events(),
        journal=journal or NO_JOURNAL,
        pause=Breather(),
    )
