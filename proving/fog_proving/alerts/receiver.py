"""A receiver with the rules of Alertmanager: what people are notified of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import Labels


@dataclass(frozen=True)
class Notification:
    """One message to people: an alert fires, or has resolved; by an aggregator, or because its time was up."""

    minute: int
    labels: Labels
    firing: bool
    notice: Notice
    timed_out: bool = False


@dataclass
class Receiver:
    """Remembers what fires, and notifies of changes alone.

    Attributes:
        firing: The alerts that fire, with the newest notice of each.
        log: All notifications.
        moved: Alerts that were told to fire anew while they fired: with another beginning.
        away: The minutes in which it cannot be reached.
        late: The minutes in which it may hear late of an end: it was away before, or an aggregator has just come back.
        wrong: The minutes in which it did not know what its aggregator had told, and should have, with what it was.
    """

    firing: dict[Labels, Notice] = field(default_factory=dict)
    log: list[Notification] = field(default_factory=list)
    moved: list[Notification] = field(default_factory=list)
    away: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    wrong: list[tuple[int, str]] = field(default_factory=list)

    def post(self, minute: int, notices: Sequence[Notice]) -> None:
        """Take notices."""
        for notice in notices:
            known = self.firing.get(notice.labels)
            if notice.firing:
                if known is None:
                    self.log.append(Notification(minute, notice.labels, firing=True, notice=notice))
                elif notice.starts_at != known.starts_at:
                    self.moved.append(Notification(minute, notice.labels, firing=True, notice=notice))
                self.firing[notice.labels] = notice
            elif known is not None:
                del self.firing[notice.labels]
                self.log.append(Notification(minute, notice.labels, firing=False, notice=notice))

    def tick(self, minute: int, milliseconds: int) -> None:
        """Take what has not been heard of until its end for resolved."""
        for labels, notice in list(self.firing.items()):
            if notice.ends_at <= milliseconds:
                del self.firing[labels]
                self.log.append(Notification(minute, labels, firing=False, notice=notice, timed_out=True))
