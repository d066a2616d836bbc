"""Count the telemetry's own failures, and log each reason at most once a minute."""

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

logger = logging.getLogger("utilityfog_frontend.telemetry")

QUIET_SECONDS = 60.0

REASONS: Final = (
    "not_finite",
    "label_limit",
    "gauge_function",
    "hook",
    "hook_key_missing",
    "hook_value_wrong",
    "source",
    "source_family",
    "source_value",
    "source_bounds",
    "source_counter_name",
    "source_quantiles",
    "source_type",
    "late",
    "export",
    "collection",
    "journal",
)
"""The reasons that are counted from 0 on: a first problem is an increase only where there was a 0 before it."""


class CountsReasons(Protocol):
    """`telemetry_problems_total`, seen from here."""

    def increment(self, amount: float = 1, labels: dict[str, str] | None = None) -> None:
        """Count one more of a reason."""


class Problems:
    """Counts and logs. Safe from any thread; never raises; holds no lock while it logs."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.counter: CountsReasons | None = None
        self.make_source_counter: Callable[[], CountsReasons] | None = None
        self._sources: CountsReasons | None = None
        self._monotonic = monotonic
        self._last_logged: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def count(self, reason: str, amount: int = 1) -> None:
        """Count without a word."""
        if self.counter is not None:
            self.counter.increment(amount, {"reason": reason})

    def count_source(self, name: str, amount: int = 1) -> None:
        """Count a reading without the answer of a source, a function or a hook; 0 when it is registered."""
        if self._sources is None and self.make_source_counter is not None:
            self._sources = self.make_source_counter()
        if self._sources is not None:
            self._sources.increment(amount, {"source": name})

    def warn(self, message: str, *args: object) -> None:
        """Log without counting or holding back, for what its caller says once."""
        logger.warning(message, *args)

    def report(self, reason: str, message: str, *args: object, amount: int = 1, exc_info: bool = False) -> None:
        """Count, and log a warning unless the same reason was logged within the last minute."""
        self.count(reason, amount)
        now = self._monotonic()
        if now - self._last_logged.get(reason, -QUIET_SECONDS) < QUIET_SECONDS:
            # Two threads may lose one of each other's here: the counter is exact, this remark is not.
            self._suppressed[reason] = self._suppressed.get(reason, 0) + 1
            return
        self._last_logged[reason] = now
        suppressed = self._suppressed.pop(reason, 0)
        if suppressed:
            message += " (and %d more like it since the last report)"
            args = (*args, suppressed)
        logger.warning(message, *args, exc_info=exc_info)
