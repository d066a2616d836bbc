"""Keep the steps of a fleet in blocks within a budget of bytes, and answer selectors from them.

Not thread-safe: one writer, and whoever selects, hold a lock together; reading what was found needs none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.history.block import Block, LevelBlock, make_block
from fog_aggregator.history.finding import Found, Piece
from fog_aggregator.history.head import CELL_BYTES, HeadView, LevelHead
from fog_aggregator.history.index import SeriesIndex
from fog_aggregator.history.levels import LevelChoice
from fog_aggregator.history.step import Depth, Step
from fog_aggregator.promql.labels import Labels, Matcher
from fog_aggregator.promql.storage import Floats, Ints

_MOST_STEPS: Final = 60
"""Steps of a block, at most: ten minutes at the usual step."""
_HEAD_SHARE: Final = 8
"""The part of the memory, one in so many, that steps may take that are not encoded yet."""
SERIES_BYTES: Final = 1_200
"""Bytes of the budget that a series must have, or it is not kept: its label set, its index, a few steps."""
_BIRTH_SECONDS: Final = 60.0
"""A counter that began so long before the last step without it is born while it is watched: frames come later."""

Loaded: TypeAlias = Mapping[Depth, tuple[Sequence[Labels], LevelBlock]]
"""Levels of a block from elsewhere: the series, and the block with their places as numbers."""


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much is kept.

    Attributes:
        retention: Milliseconds.
        memory: Bytes, for values, label sets and indexes together.
        series: Series at one step, of all levels together.
    """

    retention: int = 6 * 3_600_000
    memory: int = 256_000_000
    series: int = 100_000


class HistoryStore:
    """The past of a fleet's totals.

    Args:
        limits: How much is kept.

    Attributes:
        choice: The levels that fit.
    """

    def __init__(self, limits: HistoryLimits) -> None:
        self.choice = LevelChoice(min(limits.series, limits.memory // SERIES_BYTES))
        self._limits = limits
        self._blocks: tuple[Block, ...] = ()
        self._dropped: list[Block] = []
        self._indexes: dict[Depth, SeriesIndex] = {}
        self._heads: dict[Depth, LevelHead] = {}
        self._times: list[int] = []
        self._steps = _MOST_STEPS
        self._last: dict[Depth, Floats] = {}
        self._began: dict[Depth, Floats] = {}
        self._newest: Mapping[Depth, int] = {}

    @property
    def newest(self) -> int | None:
        """The time of the newest step in milliseconds; None without any."""
        if self._times:
            return self._times[-1]
        return self._blocks[-1].span[1] if self._blocks else None

    @property
    def oldest(self) -> int | None:
        """The time of the oldest step in milliseconds; None without any."""
        if self._blocks:
            return self._blocks[0].span[0]
        return self._times[0] if self._times else None

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return sum(len(block.times) for block in self._blocks) + len(self._times)

    @property
    def unencoded(self) -> int:
        """How many steps are in no block yet."""
        return len(self._times)

    @property
    def series(self) -> Mapping[Depth, int]:
        """How many series each level had at the newest step."""
        return self._newest

    @property
    def bytes(self) -> int:
        """The memory that values, label sets and indexes take."""
        heads = sum(head.bytes for head in self._heads.values())
        last = sum(last.nbytes for depth, last in self._last.items() if depth not in self._heads)
        last += sum(began.nbytes for began in self._began.values())
        indexes = sum(index.bytes for index in self._indexes.values())
        return heads + last + indexes + sum(block.bytes for block in self._blocks)

    @property
    def is_full(self) -> bool:
        """Tell whether the steps of the head should become a block."""
        heads = sum(head.bytes for head in self._heads.values())
        return bool(self._times) and (len(self._times) >= self._steps or heads > 2 * self._limits.memory // _HEAD_SHARE)

    def append(self, step: Step) -> bool:
        """Add a step; return False for one that is not later than the newest, which changes nothing.

        Afterwards, when `is_full`, encode the head and adopt it.
        """
        newest = self.newest
        if newest is not None and step.time <= newest:
            return False
        at = len(self._times)
        if not at:
            cells = sum(len(columns.raw) for columns in step.levels.values()) or 1
            self._steps = max(1, min(_MOST_STEPS, self._limits.memory // _HEAD_SHARE // CELL_BYTES // cells))
        for depth, columns in step.levels.items():
            head = self._heads.get(depth)
            if head is None:
                head = self._heads[depth] = LevelHead(self._steps, self._last.get(depth, _NOTHING))
            since = newest / 1000 - _BIRTH_SECONDS if newest is not None and depth in self._newest else np.inf
            head.append(columns, self._indexes.setdefault(depth, SeriesIndex()), at, since)
        self._times.append(step.time)
        self._newest = {depth: len(columns.raw) for depth, columns in step.levels.items()}
        self._trim()
        return True

    def encode_head(self, before: float = np.inf) -> Block:
        """Encode the steps before a moment, milliseconds, that are not in a block yet.

        Changes nothing; takes long, and needs no lock of readers.
        """
        steps = bisect_left(self._times, before)
        levels = {depth: head.encode(steps) for depth, head in self._heads.items()}
        found = {depth: level for depth, level in levels.items() if level is not None}
        return make_block(np.array(self._times[:steps], np.int64), found)

    def adopt(self, block: Block) -> None:
        """Put the block that `encode_head` made in place of the head."""
        self._last = {depth: head.last for depth, head in self._heads.items()}
        self._began = {depth: self.began(depth) for depth in self._heads}
        self._heads, self._times = {}, []
        self._blocks = (*self._blocks, block)
        self._share()
        self._trim()

    def insert(self, times: Ints, levels: Loaded) -> None:
        """Add a block from elsewhere, where there are no steps yet; refused when it overlaps what is there.

        Raises:
            ValueError: it overlaps.
        """
        first, last = int(times[0]), int(times[-1])
        if any(block.span[0] <= last and first <= block.span[1] for block in self._blocks) or (
            self._times and self._times[0] <= last
        ):
            raise ValueError(f"the steps from {first} to {last} ms overlap others")
        own = {}
        for depth, (labels, level) in levels.items():
            numbers = self._indexes.setdefault(depth, SeriesIndex()).add(labels)
            own[depth] = level.renumbered(numbers)
        block = make_block(times, own)
        self._blocks = tuple(sorted((*self._blocks, block), key=lambda one: one.span))
        if block is self._blocks[-1] and not self._times:
            self._go_on_from(block)
        self._share()
        self._trim()

    def forget_from(self, time: int) -> None:
        """Let go of the blocks that reach beyond a time, and of the steps that are in none."""
        self._dropped += [block for block in self._blocks if block.span[1] >= time]
        self._blocks = tuple(block for block in self._blocks if block.span[1] < time)
        self._heads, self._times, self._last = {}, [], {}
        self._share()

    def take_dropped(self) -> list[Block]:
        """Return the blocks that were let go of since this was asked last."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def labels(self, depth: Depth) -> Sequence[Labels]:
        """Return the label sets of a level by the numbers that blocks have."""
        return self._indexes[depth].labels if depth in self._indexes else ()

    def find(self, depth: Depth, matchers: Sequence[Matcher], start: int, end: int) -> Found:
        """Find the series of a level that fulfil every matcher, and the steps from `start` to `end`, both included.

        Raises:
            BadQueryError: a regular expression cannot be read.
        """
        index = self._indexes.get(depth)
        if index is None:
            return Found((), np.zeros(0, np.int64), [], 0, start)
        numbers = index.find(matchers)
        labels = [index.labels[number] for number in numbers.tolist()]
        return Found(labels, numbers, self.pieces(depth, start, end), len(index), start)

    def pieces(self, depth: Depth, start: int, end: int) -> list[Piece]:
        """Return the steps from `start` to `end`, and the one before, from which one sees who has ended."""
        pieces = [Piece(block.times, block.levels.get(depth)) for block in self._blocks]
        if self._times:
            pieces.append(Piece(np.array(self._times, np.int64), None))
        times = np.concatenate([piece.times for piece in pieces]) if pieces else np.zeros(0, np.int64)
        low, high = times.searchsorted([start, end + 1])
        low = max(0, int(low) - 1)
        cut, at = [], 0
        for piece in pieces:
            begin, stop = max(low - at, 0), min(int(high) - at, len(piece.times))
            at += len(piece.times)
            if begin < stop:
                cut.append(piece.between(begin, stop))
        if cut and cut[-1].times is pieces[-1].times and self._times and (head := self._heads.get(depth)) is not None:
            last = cut[-1]  # the head need not be read as a whole
            cut[-1] = Piece(last.wanted_times, HeadView(head, last.begin, last.stop), 0, last.stop - last.begin)
        return cut

    def index(self, depth: Depth) -> SeriesIndex | None:
        """Return the series of a level by number; None for a level without any. It only grows, or is another one."""
        return self._indexes.get(depth)

    def times_after(self, time: int, most: int) -> list[int]:
        """Return the times of the first steps after a moment, oldest first, at most so many."""
        found: list[int] = []
        for block in self._blocks:
            if block.span[1] > time:
                found += block.times[int(block.times.searchsorted(time, "right")) :].tolist()
            if len(found) >= most:
                return found[:most]
        found += [one for one in self._times if one > time]
        return found[:most]

    def began(self, depth: Depth) -> Floats:
        """Return when the counters of a level began to count, by number, unix seconds.

        NaN for what is no counter; and for what the newest steps of this run do not have.
        """
        known = self._began.get(depth, _NOTHING)
        head = self._heads.get(depth)
        if head is None:
            return known
        began = np.full(len(self._indexes[depth]), np.nan)
        began[: len(known)] = known
        began[head.numbers] = head.began
        return began

    def _trim(self) -> None:
        """Let go of the oldest blocks: those beyond the retention, and as many as the memory asks for."""
        newest = self.newest
        rest = list(self._blocks)
        while rest and (rest[0].span[1] < (newest or 0) - self._limits.retention or self.bytes > self._limits.memory):
            self._dropped.append(rest.pop(0))
            self._blocks = tuple(rest)
            self._forget_series()
            self._share()
            rest = list(self._blocks)

    def _share(self) -> None:
        """Have the numbers of series that are the same in neighbouring blocks in memory once."""
        before: Block | None = None
        shared = []
        for block in self._blocks:
            before = block.sharing(before)
            shared.append(before)
        self._blocks = tuple(shared)

    def _forget_series(self) -> None:
        """Make an index anew when most of its series are in no block any more."""
        for depth, index in self._indexes.items():
            used = np.zeros(len(index), np.bool_)
            for block in self._blocks:
                if depth in block.levels:
                    used[block.levels[depth].numbers] = True
            if depth in self._heads:
                used[self._heads[depth].numbers] = True
            if 2 * np.count_nonzero(used) < len(index):
                self._renumber(depth, used)

    def _renumber(self, depth: Depth, used: np.ndarray) -> None:
        index, known = SeriesIndex(), self._indexes[depth].labels
        numbers = np.full(len(known), -1, np.int64)
        numbers[used] = index.add([known[number] for number in np.flatnonzero(used).tolist()])
        self._indexes[depth] = index
        self._blocks = tuple(block.renumbered(depth, numbers) for block in self._blocks)
        if depth in self._heads:
            self._heads[depth].renumber(numbers)
        self._last.pop(depth, None)
        self._began.pop(depth, None)

    def _go_on_from(self, block: Block) -> None:
        """Know the last values and the series of the newest block, as if its steps had been added one by one."""
        for depth, level in block.levels.items():
            numbers = np.arange(len(self._indexes[depth]))
            values = np.full((len(numbers), len(block.times)), np.nan)
            present = np.zeros(values.shape, np.bool_)
            level.read(numbers, len(numbers), values, present)
            self._last[depth] = values[:, -1]
        self._newest = {depth: len(level.numbers) for depth, level in block.levels.items()}


_NOTHING: Final[Floats] = np.zeros(0)
