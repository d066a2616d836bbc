"""Remote write 2.0: `io.prometheus.write.v2.Request` (2.0-rc.4), with each text once, and types and start times.

The table of texts is that of a batch of items, made once while the batch stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fog_aggregator.outgoing.items import Item, ItemKind, Moment
from fog_aggregator.outgoing.remote_write import eights
from utilityfog_frontend.telemetry.exposition import wire

_TYPES: Final = {ItemKind.COUNTER: 1, ItemKind.GAUGE: 2, ItemKind.HISTOGRAM: 3}
_VALUE: Final = wire.key(1, wire.FIXED64)


class RemoteWrite2:
    """The encoder of remote write 2.0."""

    def prepare(self, items: Sequence[Item]) -> PreparedWrite2:
        """Make the bytes that stay the same."""
        symbols: dict[str, int] = {"": 0}
        references, metadata = [], []
        for item in items:
            about = item.about
            numbers = [symbols.setdefault(text, len(symbols)) for text in (about.help, about.unit)]
            described = wire.integer(1, _TYPES[about.kind]) + wire.integer(3, numbers[0]) + wire.integer(4, numbers[1])
            for row in item.rows:
                pairs = [symbols.setdefault(text, len(symbols)) for pair in row for text in pair]
                references.append(wire.packed(1, pairs))
            metadata += [wire.block(5, described)] * len(item.rows)
        table = b"".join(wire.block(4, wire.encoded(text)) for text in symbols)
        return PreparedWrite2(table, references, metadata, [len(item.rows) for item in items])


class PreparedWrite2:
    """Series that refer to a table of texts.

    Args:
        table: The table, as fields of `Request`.
        references: The labels of each series.
        metadata: The type, help and unit of each.
        sizes: How many series each item has.
    """

    def __init__(
        self, table: bytes, references: Sequence[bytes], metadata: Sequence[bytes], sizes: Sequence[int]
    ) -> None:
        self._table = table
        self._references = references
        self._metadata = metadata
        self._sizes = sizes
        self._framed: tuple[int, list[int]] = (-1, [])
        self._heads: list[bytes] = []
        self._heads_of_zero: list[bytes] = []
        self._tails: list[bytes] = []

    def message(self, moment: Moment) -> bytes:
        """Return the body of a request, not compressed yet."""
        time, starts = wire.integer(2, moment.time), list(moment.starts)
        if self._framed != (len(time), starts):
            self._frame(len(time), starts)
        pieces: list[bytes] = [time] * (4 * len(self._references))
        pieces[0::4] = self._heads
        pieces[1::4] = eights(moment.values)
        pieces[3::4] = self._tails
        for row in np.flatnonzero(moment.values.view(np.int64) == 0).tolist():
            pieces[4 * row], pieces[4 * row + 1] = self._heads_of_zero[row], b""
        return self._table + b"".join(pieces)

    def _frame(self, time_bytes: int, starts: list[int]) -> None:
        """Put the lengths around what stays the same, and the times at which series began behind their samples."""
        began = [wire.integer(3, start) for start, size in zip(starts, self._sizes, strict=True) for _ in range(size)]
        self._framed = (time_bytes, starts)
        self._tails = [start + described for start, described in zip(began, self._metadata, strict=True)]
        heads, of_zero = [], []
        for references, start, tail in zip(self._references, began, self._tails, strict=True):
            size, rest = time_bytes + len(start), len(tail) - len(start)
            heads.append(_head(references, 9 + size, rest) + _VALUE)
            of_zero.append(_head(references, size, rest))
        self._heads, self._heads_of_zero = heads, of_zero


def _head(references: bytes, sample: int, rest: int) -> bytes:
    """Return a series up to its sample, which takes so many bytes, with so many more after it."""
    inner = references + wire.key(2, wire.BYTES) + wire.varint(sample)
    return wire.key(5, wire.BYTES) + wire.varint(len(inner) + sample + rest) + inner
