"""Warnings and infos of a result, each said once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from fog_aggregator.promql.formatting import format_general
from fog_aggregator.promql.labels import quote

_COUNTER_SUFFIXES: Final = ("_total", "_sum", "_count", "_bucket")
_MONOTONIC: Final = (
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


@dataclass(slots=True)
class Falls:
    """How buckets had to be corrected, over all histograms of a query."""

    low: float = float("inf")
    high: float = float("-inf")
    most: float = 0.0
    count: int = 0
    first: int = 2**63
    last: int = -(2**63)

    def text(self) -> str:
        """Say it."""
        begin, end = (
            datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for time in (self.first, self.last)
        )
        bounds = f"from buckets {format_general(self.low)} to {format_general(self.high)}"
        samples = f"over {self.count} samples from {begin} to {end}"
        return f"{_MONOTONIC}, {bounds}, with a max diff of {self.most:.2g}, {samples}"


@dataclass(slots=True)
class Annotations:
    """Collects warnings and infos of one evaluation; the order is that of their first time."""

    _warnings: dict[str, None] = field(default_factory=dict)
    _infos: dict[str, None] = field(default_factory=dict)
    falls: Falls = field(default_factory=Falls)

    def warn(self, text: str) -> None:
        """Add a warning in one's own words."""
        self._warnings[text] = None

    def bad_quantile(self, value: float) -> None:
        """Warn of a quantile outside of 0 to 1."""
        self.warn(f"PromQL warning: quantile value should be between 0 and 1, got {format_general(value)}")

    def bad_bucket(self, value: str) -> None:
        """Warn of a bucket without a bound."""
        self.warn(f'PromQL warning: bucket label "le" is missing or has a malformed value of {quote(value)}')

    def sort_in_range(self) -> None:
        """Warn that sorting does nothing in a range query."""
        self.warn("PromQL warning: sort is ineffective for range queries since results are always ordered by labels")

    def maybe_no_counter(self, name: str) -> None:
        """Note a metric that is taken for a counter and not called like one."""
        if name and not name.endswith(_COUNTER_SUFFIXES):
            text = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
            self._infos[text + quote(name)] = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings."""
        return tuple(self._warnings)

    @property
    def infos(self) -> tuple[str, ...]:
        """The infos."""
        return (*self._infos, *([self.falls.text()] if self.falls.count else []))
