"""Defaults of the engine that a person may set otherwise. Without numpy: `--help` shows them."""

from __future__ import annotations

from typing import Final

DEPARTED_SECONDS: Final = 3600.0
"""Silence after which a node has departed."""
HORIZON: Final = 7 * 86_400.0
"""Observed silence after which an epoch is closed; at least twice as long as the streams keep messages."""
MAX_EVENTS: Final = 10_000
"""Events that are listed; the oldest go first."""
