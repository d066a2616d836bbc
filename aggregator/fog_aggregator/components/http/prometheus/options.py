"""The options of queries."""

from __future__ import annotations

from dataclasses import dataclass

from fog_bus.options import option
from fog_bus.options.kinds import PERIOD, WHOLE


@dataclass(frozen=True, kw_only=True)
class QueryOptions:
    """How much queries may take: each alone, and all at once."""

    query_timeout: float = option(120.0, "how long a query may take", PERIOD, aliases=("--query.timeout",))
    query_samples: int = option(
        50_000_000, "samples and values that a query may take", WHOLE, aliases=("--query.max-samples",)
    )
    query_concurrency: int = option(
        4, "how many queries are evaluated at once", WHOLE, aliases=("--query.max-concurrency",)
    )
