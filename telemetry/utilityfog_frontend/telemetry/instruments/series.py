"""A series: one incarnation of a family with one set of labels."""

from abc import ABC, abstractmethod
from typing import ClassVar

from utilityfog_frontend.telemetry.labels import render_labels
from utilityfog_frontend.telemetry.model import Family, Labels, SeriesSnapshot, Value

from .gate import Gate


class Series(ABC):
    """One incarnation: it begins at zero, counts, and ends when its labels are removed, idle for too long, or reset.

    A series that comes back under the same labels is another `Series`. An ended one stays readable.

    Attributes:
        family: the family's name, type, unit, ...
        gate: the lock that all series of the family share.
        labels: sorted by name.
        created: unix seconds of its beginning.
        ended: whether it has ended.
    """

    __slots__ = ("_rendered", "created", "ended", "family", "gate", "labels")

    journaled: ClassVar[bool] = False
    """Whether its count is in a journal, where it has a place of its own until it is in the stream."""

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate) -> None:
        self.family = family
        self.labels = labels
        self.created = created
        self.gate = gate
        self.ended = False
        self._rendered: str | None = None

    @abstractmethod
    def read(self) -> Value:
        """Return the value since the series began. Never raises; any thread may call it; flushes deferred work."""

    def peek(self) -> Value:
        """As `read`, for a caller who holds the gate: of many series, for half the price. Not for gauges."""
        return self.read()

    @abstractmethod
    def current(self) -> Value:
        """Return the value that the node itself shows, for a caller who holds the gate."""

    @abstractmethod
    def restart(self, now: float) -> None:
        """Make the node's own value start from zero again, while `read()` goes on counting."""

    @abstractmethod
    def activity(self) -> object:
        """Something that compares unequal after every use."""

    def snapshot(self) -> SeriesSnapshot:
        """Return the series as the node shows it, for a caller who holds the gate."""
        return SeriesSnapshot(self.labels, self.current(), self.created, None, self._rendered or self.render())

    def render(self) -> str:
        """Return the labels in Prometheus text; rendered once, as escaping costs more than the rest of a sample."""
        text = self._rendered
        if text is None:
            text = self._rendered = render_labels(self.labels)
        return text
