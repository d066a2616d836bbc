"""Read the plain deltas among messages by a kernel, all in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.kernels.layout import HEADERS, MOST_SECTIONS, SECTIONS
from fog_aggregator.kernels.ports import Bits, Bytes, Kernels
from fog_bus.ports import Message

MOST_FRAMES: Final = 512
"""Messages that are read at once: more of them gain little, and must wait for each other."""


class Reading:
    """Hold what a kernel has read of some messages; it is overwritten when others are read.

    Args:
        kernels: they read.

    Attributes:
        messages: these.
        bytes: all that they say, one after the other.
        plain: which of them are plain deltas.
        epochs: of each that is; 0 of others.
        stamps: when each was stored, nanoseconds.
        headers: of each that is, as `fog_aggregator.kernels.layout` has them, and a row more: the end of all sections.
        sections: all sections.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.messages: Sequence[Message] = ()
        self.bytes: Bytes = np.zeros(0, np.uint8)
        self.plain: Bools = np.zeros(0, np.bool_)
        self.epochs: Bits = np.zeros(0, np.uint64)
        self.stamps: Int64s = np.zeros(0, np.int64)
        self.headers: Int64s = np.zeros((MOST_FRAMES + 1, HEADERS), np.int64)
        self.sections: Int64s = np.zeros((MOST_FRAMES * MOST_SECTIONS, SECTIONS), np.int64)
        self._kernels = kernels
        self._plain: Bools = np.zeros(MOST_FRAMES, np.bool_)
        self._epochs: Bits = np.zeros(MOST_FRAMES, np.uint64)

    def read(self, messages: Sequence[Message], sizes: Sequence[int]) -> None:
        """Read messages, at most MOST_FRAMES, of these sizes."""
        count, datas = len(messages), [message.data for message in messages]
        ends = np.cumsum(np.array(sizes, np.int64))
        self.messages, self.bytes = messages, np.frombuffer(b"".join(datas), np.uint8)
        self._kernels.read_deltas(self.bytes, ends, self._plain, self._epochs, self.headers, self.sections)
        self.plain, self.epochs = self._plain[:count], self._epochs[:count]
        self.stamps = np.array([message.timestamp_ns for message in messages], np.int64)
