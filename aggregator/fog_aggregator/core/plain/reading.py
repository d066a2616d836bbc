"""Read the plain deltas among messages by a kernel, all in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.kernels.layout import COUNT, FIRST_SECTION, HEADERS, HIGH, LOW, MOST_SECTIONS, SECTIONS, WIDTH
from fog_aggregator.kernels.ports import Bits, Bytes, Kernels
from fog_bus.ports import Message

MOST_FRAMES: Final = 256
"""Messages that are read at once: more of them gain little, and must wait for each other."""

Row: TypeAlias = list[int]

_DECIDING: Final = max(WIDTH, COUNT, LOW, HIGH) + 1
"""The columns of a section that decide whether it can be merged."""


class Reading:
    """Hold what a kernel has read of some messages; it is overwritten when others are read.

    Numbers that are looked at one by one are Python's own, which is quicker.

    Args:
        kernels: they read.

    Attributes:
        messages: these.
        bytes: all that they say, one after the other.
        plain: which of them are plain deltas.
        epochs: of each that is.
        headers: of each that is, as `fog_aggregator.kernels.layout` has them, and a row more: the end of all sections.
        deciding: of each section what decides whether it can be merged.
        header_columns: all headers, as columns.
        sections: all sections, as columns.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.messages: Sequence[Message] = ()
        self.bytes: Bytes = np.zeros(0, np.uint8)
        self.plain: list[bool] = []
        self.epochs: list[int] = []
        self.headers: list[Row] = []
        self.deciding: list[Row] = []
        self.header_columns: Int64s = np.zeros((MOST_FRAMES + 1, HEADERS), np.int64)
        self.sections: Int64s = np.zeros((MOST_FRAMES * MOST_SECTIONS, SECTIONS), np.int64)
        self._kernels = kernels
        self._plain: Bools = np.zeros(MOST_FRAMES, np.bool_)
        self._epochs: Bits = np.zeros(MOST_FRAMES, np.uint64)

    def read(self, messages: Sequence[Message]) -> None:
        """Read messages, at most MOST_FRAMES."""
        count, datas = len(messages), [message.data for message in messages]
        ends = np.cumsum(np.fromiter(map(len, datas), np.int64, count))
        self.messages, self.bytes = messages, np.frombuffer(b"".join(datas), np.uint8)
        self._kernels.read_deltas(self.bytes, ends, self._plain, self._epochs, self.header_columns, self.sections)
        sections = int(self.header_columns[count, FIRST_SECTION])
        self.plain, self.epochs = self._plain[:count].tolist(), self._epochs[:count].tolist()
        self.headers = self.header_columns[: count + 1].tolist()
        self.deciding = self.sections[:sections, :_DECIDING].tolist()
