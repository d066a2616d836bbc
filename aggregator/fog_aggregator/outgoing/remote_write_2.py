"""Remote write 2.0: `io.prometheus.write.v2.Request` (2.0-rc.4), with each text once, and types and start times.

The table of texts is that of a batch of items, made once while the batch stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fog_aggregator.outgoing.items import Item, Moment
from fog_aggregator.outgoing.natives import Natives, divided
from fog_aggregator.outgoing.remote_write import TYPES, eights, native_message
from fog_aggregator.promql.storage import Ints
from utilityfog_frontend.telemetry.exposition import wire

_VALUE: Final = wire.key(1, wire.FIXED64)


class RemoteWrite2:
    """The encoder of remote write 2.0."""

    def prepare(self, items: Sequence[Item]) -> PreparedWrite2:
        """Make the bytes that stay the same."""
        symbols: dict[str, int] = {"": 0}
        series = [_Series() for _ in items]
        for item, one in zip(items, series, strict=True):
            about = item.about
            numbers = [symbols.setdefault(text, len(symbols)) for text in (about.help, about.unit)]
            described = wire.integer(1, TYPES[about.kind]) + wire.integer(3, numbers[0]) + wire.integer(4, numbers[1])
            for row in item.rows:
                pairs = [symbols.setdefault(text, len(symbols)) for pair in row for text in pair]
                one.references.append(wire.packed(1, pairs))
            one.metadata = wire.block(5, described)
        table = b"".join(wire.block(4, wire.encoded(text)) for text in symbols)
        return PreparedWrite2(table, series, *divided(items))


@dataclass(slots=True)
class _Series:
    """The series of one item.

    Attributes:
        references: The labels of each.
        metadata: The type, help and unit of all.
    """

    references: list[bytes] = field(default_factory=list)
    metadata: bytes = b""


class PreparedWrite2:
    """Series that refer to a table of texts.

    Args:
        table: The table, as fields of `Request`.
        series: The series of each item.
        plain: The places of the values that are samples.
        natives: The native histograms.
    """

    def __init__(self, table: bytes, series: Sequence[_Series], plain: Ints, natives: Natives) -> None:
        self._table = table
        self._plain = plain
        self._natives = natives
        self._series = series
        native = frozenset(natives.places)
        self._of_plain = [place for place in range(len(series)) if place not in native]
        self._framed: tuple[int, list[int]] = (-1, [])
        self._heads: list[bytes] = []
        self._heads_of_zero: list[bytes] = []
        self._tails: list[bytes] = []

    def message(self, moment: Moment) -> bytes:
        """Return the body of a request, not compressed yet."""
        time, starts = wire.integer(2, moment.time), list(moment.starts)
        if self._framed != (len(time), starts):
            self._frame(len(time), starts)
        values = moment.values[self._plain]
        pieces: list[bytes] = [time] * (4 * len(values))
        pieces[0::4] = self._heads
        pieces[1::4] = eights(values)
        pieces[3::4] = self._tails
        for row in np.flatnonzero(values.view(np.int64) == 0).tolist():
            pieces[4 * row], pieces[4 * row + 1] = self._heads_of_zero[row], b""
        return self._table + b"".join([*pieces, *self._native_series(moment)])

    def _native_series(self, moment: Moment) -> Iterator[bytes]:
        starts = self._natives.starts(moment)
        for place, native, start in zip(self._natives.places, self._natives.values(moment), starts, strict=True):
            series = self._series[place]
            histogram = wire.block(3, native_message(native, moment.time, start))
            yield wire.block(5, series.references[0] + histogram + series.metadata)

    def _frame(self, time_bytes: int, starts: list[int]) -> None:
        """Put the lengths around what stays the same, and the times at which series began behind their samples."""
        self._framed = (time_bytes, starts)
        heads, of_zero, tails = [], [], []
        for place in self._of_plain:
            start, one = wire.integer(3, starts[place]), self._series[place]
            size, rest = time_bytes + len(start), len(one.metadata)
            for references in one.references:
                heads.append(_head(references, 9 + size, rest) + _VALUE)
                of_zero.append(_head(references, size, rest))
                tails.append(start + one.metadata)
        self._heads, self._heads_of_zero, self._tails = heads, of_zero, tails


def _head(references: bytes, sample: int, rest: int) -> bytes:
    """Return a series up to its sample, which takes so many bytes, with so many more after it."""
    inner = references + wire.key(2, wire.BYTES) + wire.varint(sample)
    return wire.key(5, wire.BYTES) + wire.varint(len(inner) + sample + rest) + inner
