"""Take steps: copy the fleet on the event loop, and do the rest in a thread of its own, one step after the other."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from fog_aggregator.components.history.files import HistoryFiles
from fog_aggregator.components.history.metrics import HistoryMetrics
from fog_aggregator.core.engine.steps import most_ahead
from fog_aggregator.history.block import Block
from fog_aggregator.history.capture import Capture, sample_count
from fog_aggregator.history.families import FamilyChoice
from fog_aggregator.history.records import block_bytes
from fog_aggregator.history.step import WHOLE, Depth, Step
from fog_aggregator.history.store import HistoryStore
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.fleet_view import FamilySamples, FleetView
from fog_aggregator.query.selection import Grouping, Selection

LOGGER: Final = logging.getLogger("fog_aggregator")
MOST_PENDING: Final = 2
"""Steps that wait for the thread; reading waits when there are more."""
_MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """Copies of a fleet at a step.

    Attributes:
        at: The time of the step in milliseconds.
        groups: How many groups each level has.
        views: The whole, and the levels that may fit.
        live: Whether the step is the present: the aggregator's own metrics are part of it.
        set_back: Whether the clock was wrong: the steps from this one on are of a time that has not come.
    """

    at: int
    groups: Sequence[int]
    views: Mapping[Depth, FleetView]
    live: bool
    set_back: bool = False


class Recorder:
    """Takes steps for an engine, and puts them into a store and on disk.

    Args:
        network: The fleet.
        store: Has the steps.
        lock: Held while the store is read or written.
        metrics: Takes the counts.
        length: Milliseconds from one step to the next.
        retention: How long a step is kept, milliseconds.

    Attributes:
        files: The files on disk; None for a history in memory alone.
        on_kept: Called in the thread with the time of each step that is kept, once it is on disk where there is one.
            One that is earlier than the one before says that the clock was set back: those from it on are forgotten.
    """

    def __init__(
        self,
        network: NetworkCollector,
        store: HistoryStore,
        lock: threading.Lock,
        metrics: HistoryMetrics,
        length: int,
        retention: int,
    ) -> None:
        self.files: HistoryFiles | None = None
        self.on_kept: Callable[[int], object] = lambda _: None
        self.length = length
        self.retention = retention
        self._network = network
        self._store = store
        self._lock = lock
        self._metrics = metrics
        self._captures: dict[Depth, Capture] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._pending: deque[Future[None]] = deque()
        self._unwritten: list[Block] = []

    def take(self, at: int, *, live: bool) -> None:
        """Copy the fleet as it is now, for the step at `at`. Called with the network held, on the event loop."""
        newest = self._store.newest or 0
        set_back = live and at < newest - most_ahead(self.length)
        if at <= newest and not set_back:
            return  # a run before has taken it
        began = time.perf_counter()
        groups, network = self._network.level_sizes(), self._network
        views = {WHOLE: network.view(at=at / 1e3)}
        fitting = Selection(without=frozenset(self._store.choice.families.left_out))
        for depth in self._store.choice.candidates(groups):
            views[depth] = network.view(fitting, Grouping(level=depth), at / 1e3)
        self._pending.append(self._thread.submit(self._process, Taken(at, groups, views, live, set_back)))
        self._metrics.copying.set(time.perf_counter() - began)

    async def settle(self) -> None:
        """Wait until few steps wait for the thread, and let others have their turn."""
        while self._pending and (self._pending[0].done() or len(self._pending) > MOST_PENDING):
            await asyncio.wrap_future(self._pending.popleft())
        await asyncio.sleep(0)

    def stop(self, *, finish: bool) -> None:
        """End the thread, with what waits for it done, or not. Blocks."""
        self._thread.shutdown(wait=True, cancel_futures=not finish)
        if self.files is not None:
            self.files.close()

    def load(self) -> None:
        """Take over what is on disk: blocks, and the steps since the last one. Blocks."""
        files, store = self.files, self._store
        if files is None:
            return
        for block in files.blocks():
            try:
                store.insert(block.times, block.levels)
            except ValueError as error:
                LOGGER.warning("history: a block is left out: %s", error)
        for step in files.steps():
            if store.append(step) and store.is_full:  # journals may have more steps than a block
                self._close_block()
        if files.damaged and store.unencoded:  # the file that had them is set aside: another end would lose them
            self._close_block()
        self._drop()

    def _process(self, taken: Taken) -> None:
        """Turn copies into a step, and keep it; whatever goes wrong, the next step has its turn."""
        began = time.perf_counter()
        try:
            step = self._step(taken)
            if taken.set_back and (self._store.newest or 0) >= taken.at:
                self._set_back(taken.at)
            with self._lock:
                fresh = self._store.append(step)
            if fresh:
                self._metrics.steps.increment()
                self._write(step)
                if self._store.is_full and self._close_block() and self.files is not None:
                    self.files.remove_journals()
                self.on_kept(taken.at)
            self._report()
            self._drop()
        except Exception:
            self._metrics.failed.increment()
            LOGGER.exception("history: the step at %d is lost", taken.at)
        self._metrics.seconds.set(time.perf_counter() - began)

    def _step(self, taken: Taken) -> Step:
        """Make the columns of the families and levels that fit; the label sets of others are never made."""
        # Here, as sources of our own metrics may wait for the network: whoever holds it would wait for them in vain.
        own = [*taken.views[WHOLE].losses(), *(self._network.own.collect() if taken.live else ())]
        others, fitting = sum(len(family.series) for family in own), frozenset[str]()
        sampled: dict[Depth, list[FamilySamples]] = {}
        for depth, view in taken.views.items():  # the whole is the first: it decides on families for all
            found = view.sampled()
            if depth == WHOLE:
                fitting = self._store.choice.families.measured(found, others)
            sampled[depth] = [one for one in found if one.family.name in fitting]
        counts = {
            depth: sample_count(families) + (others if depth == WHOLE else 0) for depth, families in sampled.items()
        }
        depths = self._store.choice.measured(taken.groups, counts)
        levels = {}
        for depth in depths:
            capture = self._captures.setdefault(depth, Capture())
            version = taken.views[depth].version
            levels[depth] = capture.columns(sampled[depth], version, own if depth == WHOLE else ())
        self._captures = {depth: capture for depth, capture in self._captures.items() if depth in levels}
        return Step(taken.at, levels)

    def _set_back(self, at: int) -> None:
        """Let go of the steps of a time that has not come."""
        LOGGER.warning("history: the server's clock was set back: steps from %d ms on are forgotten", at)
        true = self._store.encode_head(at)
        if len(true.times):
            self._keep(true)
        with self._lock:
            self._store.forget_from(at)
        self._unwritten = [block for block in self._unwritten if block.span[1] < at]
        if self.files is not None:
            self.files.remove_journals()

    def _close_block(self) -> bool:
        """Make a block of the steps that are not in one yet; tell whether it, and all before it, are on disk.

        One that could not be written is tried again with the next: until then the journals have its steps.
        """
        self._keep(self._store.encode_head())
        return not self._unwritten

    def _keep(self, block: Block) -> None:
        """Put a block in place of the head, and on disk."""
        if self.files is not None:
            self._unwritten.append(block)
            while self._unwritten and self._write_block(self._unwritten[0]):
                del self._unwritten[0]
        with self._lock:
            self._store.adopt(block)

    def _write_block(self, block: Block) -> bool:
        labels = {depth: self._store.labels(depth) for depth in block.levels}
        return self._on_disk(lambda files: files.write_block(block.span, block_bytes(block, labels)))

    def _write(self, step: Step) -> None:
        self._on_disk(lambda files: files.append(step))

    def _on_disk(self, write: Callable[[HistoryFiles], object]) -> bool:
        """Write something, if there is a disk; a disk that fails costs the file, and no step in memory."""
        if self.files is None:
            return False
        try:
            write(self.files)
        except OSError as error:
            self._metrics.writes.labels(result="failed").increment()
            LOGGER.warning("history not written: %s; it goes on in memory", error)
            return False
        self._metrics.writes.labels(result="written").increment()
        return True

    def _drop(self) -> None:
        """Remove the files of blocks that the store has let go of."""
        with self._lock:
            dropped, newest = self._store.take_dropped(), self._store.newest or 0
        for block in dropped:
            reason = "retention" if block.span[1] < newest - self.retention else "memory"
            self._metrics.dropped.labels(reason=reason).increment()
            self._unwritten = [one for one in self._unwritten if one.span != block.span]
            if self.files is not None:
                self.files.remove(block.span)

    def _report(self) -> None:
        """Tell how many series each level has; what does not fit any more is named once in the log."""
        choice = self._store.choice
        self._metrics.bytes.set(self._store.bytes)
        self._metrics.oldest.set((self._store.oldest or 0) / 1e3)
        left_out = {depth: lost.series for depth, lost in choice.left_out.items()}
        self._metrics.levels(self._store.series, left_out)
        self._metrics.left_out.families(choice.families.left_out)
        for text in _reported(choice.families):
            LOGGER.warning("history: %s", text)
        for depth in choice.take_lost():
            lost = choice.left_out[depth]
            LOGGER.warning(
                "history: level %d is not kept: it has %d series, and %d of --history-series were left for it",
                depth,
                lost.series,
                lost.limit,
            )


def _reported(choice: FamilyChoice) -> Iterator[str]:
    """Name the families that are left out from now on: the largest, and how many there are beside these."""
    lost = choice.take_lost()
    for name in lost[:_MOST_NAMED]:
        yield f"{choice.why_not(name)} (--history-series, --history-memory)"
    if len(lost) > _MOST_NAMED:
        yield f"{len(lost) - _MOST_NAMED} smaller families are not kept either"
