"""Exponential histograms: distributions without bounds to be chosen."""

from collections.abc import Iterable, Mapping
from math import frexp
from typing import Literal, cast

from utilityfog_frontend.telemetry.exponential.ladder import ladder_of
from utilityfog_frontend.telemetry.exponential.resolution import EXPONENTIAL, Exponential
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.model import Exemplar, ExponentialValue, Family, Labels, MetricType
from utilityfog_frontend.telemetry.support.arguments import shown

from .gate import Gate
from .histogram import Histogram, HistogramSeries, histogram_family

BucketsArgument = Iterable[float] | Exponential | Literal["exponential"] | None
"""Upper bounds, or how fine exponential buckets are; None for `DEFAULT_BUCKETS`."""

MAX_EXEMPLARS = 32
"""Of one series: one between two powers of two, the oldest go."""


class ExponentialSeries(HistogramSeries):
    """One incarnation of an exponential histogram."""

    __slots__ = ("_store",)

    _base: ExponentialValue | None  # type: ignore[assignment]

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate) -> None:
        super().__init__(family, labels, created, gate)
        chosen = family.exponential or Exponential()
        self._store = Store(chosen.schema, chosen.max)

    def _count(self, batch: list[float], total: float, size: int) -> None:
        store = self._store.count(batch)
        # With no call in between, as in a histogram with fixed bounds.
        self._store = store
        self._sum += total
        del self.pending[:size]

    def peek(self) -> ExponentialValue:  # type: ignore[override]
        """As `read`."""
        self.flush()
        return self._store.value(self._sum)

    def remember(self, exemplar: Exemplar) -> None:
        """Keep the exemplar: the latest one between two powers of two."""
        with self.gate.lock:
            exemplars = dict(self.exemplars or {})
            place = frexp(exemplar.value)[1]
            exemplars.pop(place, None)
            exemplars[place] = exemplar
            if len(exemplars) > MAX_EXEMPLARS:
                del exemplars[next(iter(exemplars))]
            self.exemplars = exemplars


class ExponentialHistogram(Histogram):
    """A distribution of observed values, counted in buckets whose bounds grow by the same factor; see `Exponential`.

    It is observed as a `Histogram` is. In text it shows the powers of two around its observations as bounds.

    Args:
        name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, by convention ending in the unit.
        description: a sentence for people.
        buckets: how fine they are; by default `Exponential()`.
        labels: constant labels.
        unit: base unit (`seconds`, `bytes`); the name must end with it.

    Raises:
        ValueError: name, labels, unit or buckets are not valid.
    """

    __slots__ = ()

    series_type = ExponentialSeries
    _series: ExponentialSeries

    def __init__(
        self,
        name: str,
        description: str = "",
        buckets: object = None,
        labels: Mapping[str, str] | None = None,
        *,
        unit: str = "",
    ) -> None:
        self._stand_alone(
            exponential_family(name, description, EXPONENTIAL if buckets is None else buckets, unit), labels
        )

    @property
    def buckets(self) -> list[float]:
        """The finite upper bounds that it shows at present: the powers of two around its observations."""
        return list(ladder_of([self._series.peek()]).bounds)


def exponential_family(name: str, description: str, buckets: object, unit: str) -> Family:
    """Return the family of an exponential histogram."""
    chosen = exponential_of(buckets)
    if chosen is None:
        raise ValueError(
            f"histogram {shown(name)}: buckets must be {EXPONENTIAL!r} or Exponential(…), not {shown(buckets)}"
        )
    return Family(name, MetricType.EXPONENTIAL_HISTOGRAM, description, unit, exponential=chosen)


def exponential_of(buckets: object) -> Exponential | None:
    """Return how fine the buckets are that are asked for; None when bounds are given."""
    if isinstance(buckets, str) and buckets == EXPONENTIAL:
        return Exponential()
    return buckets if isinstance(buckets, Exponential) else None


def any_histogram(
    name: str, description: str, buckets: BucketsArgument, unit: str, *, journaled: bool
) -> tuple[Family, type[Histogram]]:
    """Return the family and the type of a histogram, as `buckets` ask for.

    Raises:
        ValueError: an argument is not valid; or exponential buckets are to be `journaled`.
        TypeError: an argument is of another type.
    """
    chosen = exponential_of(buckets)
    if chosen is None:
        return histogram_family(name, description, cast("Iterable[float] | None", buckets), unit), Histogram
    if journaled:
        raise ValueError(
            f"histogram {shown(name)}: a collector with a journal keeps no exponential buckets; give bounds, or "
            "register it in a collector without a journal"
        )
    return exponential_family(name, description, chosen, unit), ExponentialHistogram
