"""The options of questions about the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import PERIOD, SIZE, WHOLE

_MEMORY: Final = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class PastOptions:
    """How much one question about the past may take, and how much is remembered of the answers."""

    past_messages: int = option(200_000, "how many frames one question about a node's past may read", WHOLE)
    past_memory: int = option(_MEMORY, "memory for the answers to questions about the past, and for each of them", SIZE)
    past_timeout: float = option(10.0, "how long one question about the past may take", PERIOD)
