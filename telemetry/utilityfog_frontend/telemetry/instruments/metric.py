"""The interface that every metric has, whoever made it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from utilityfog_frontend.telemetry.model import Family, MetricType, MetricValue, SeriesSnapshot

from .series import Series


class Metric(ABC):
    """A registered name: a counter, gauge or histogram, a labelled one, or one that is only read."""

    __slots__ = ()

    @property
    @abstractmethod
    def family(self) -> Family:
        """Name, type, help, unit, bounds and rollup."""

    @property
    def name(self) -> str:
        """The name it was registered under."""
        return self.family.name

    @property
    def description(self) -> str:
        """A sentence for people."""
        return self.family.help

    @property
    def type(self) -> MetricType:
        """Counter, gauge or histogram."""
        return self.family.type

    @abstractmethod
    def get_value(self) -> MetricValue | list[MetricValue]:
        """Read the current value; a list for a histogram (see `model.metric_values`) and for a metric with children."""

    @abstractmethod
    def reset(self) -> None:
        """Start from zero again. Counts so far stay in the totals of the fleet."""


class MetricState(ABC):
    """The registry's side of a metric."""

    family: Family

    @abstractmethod
    def series(self) -> Iterable[Series]:
        """Its live series, oldest first. The caller holds the lock of the lifetimes."""

    @abstractmethod
    def snapshots(self) -> list[SeriesSnapshot]:
        """Its live series now, as the node shows them."""

    @abstractmethod
    def sweep(self) -> None:
        """End the series that were idle for too long."""

    @abstractmethod
    def reset(self) -> None:
        """Start every series from zero again."""

    @abstractmethod
    def renew(self) -> None:
        """In a forked child: locks anew, counts from zero."""
