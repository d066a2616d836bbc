"""How long a frame may be: what the server tells, and less where a stream has refused that. Pure."""

from __future__ import annotations

import math
from typing import Final

from fog_schema.limits import MAX_FRAME_BYTES, PAYLOAD_MARGIN

DEFAULT_MAX_PAYLOAD: Final = 1024 * 1024
"""Longest message, bytes, while no server has told its own limit."""


class FrameSize:
    """The longest frame of one channel.

    A stream may take less than its server (`max_msg_size`), and does not tell how much: a refusal takes a quarter off.
    """

    def __init__(self) -> None:
        self._max_payload = DEFAULT_MAX_PAYLOAD
        self._refused = math.inf

    @property
    def max_bytes(self) -> int:
        """How long the next frame may be."""
        return int(min(min(self._max_payload, MAX_FRAME_BYTES) - PAYLOAD_MARGIN, self._refused * 3 / 4))

    def server_takes(self, max_payload: int) -> None:
        """Take note of the longest message that the server takes; another than before is a new beginning."""
        if max_payload != self._max_payload:
            self._max_payload, self._refused = max_payload, math.inf

    def refused(self, size: int) -> None:
        """Take note that a frame was too long."""
        if size <= self.max_bytes:  # else it is older than what the server tells
            self._refused = size

    def forget(self) -> bool:
        """Try what the server tells again; tell whether a refusal stood against it."""
        was_refused = self._refused < math.inf
        self._refused = math.inf
        return was_refused
