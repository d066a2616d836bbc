"""One alert and its life: pending, firing, inactive. Values that functions make anew; times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from fog_aggregator.promql.labels import Labels, with_label
from fog_aggregator.rules.verdicts.coverage import Behind

ALERT_NAME: Final = "alertname"
ALERT_STATE: Final = "alertstate"
ALERTS: Final = "ALERTS"
ALERTS_FOR_STATE: Final = "ALERTS_FOR_STATE"

RESOLVED_RETENTION: Final = 900_000
"""For how long a resolved alert is remembered."""


_TIMES: Final = ("active_at", "fired_at", "resolved_at", "keep_firing_since")


class AlertState(Enum):
    """The states of an alert, by their names in Prometheus."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nobody can say at present whether an alert is true.

    Attributes:
        since: When that began.
        why: The reason, in words.
        is_unable: This aggregator cannot judge at all at present; else the fleet does not tell.
    """

    since: int
    why: str
    is_unable: bool = False

    def __str__(self) -> str:
        return f"since {written(self.since)}, {self.why}"


@dataclass(frozen=True, slots=True)
class Notes:
    """Things to know of an alert beside its state.

    Attributes:
        sent_at: When receivers were last told of it; None before.
        suppressed_by: The silent branch that keeps it from being told; empty for none.
        ended_by: Why it resolved, when its expression is not the reason.
        late: How late the values were that it stands on, when that was too late to fire at once.
        flapping: How often it fires, when that is too often.
    """

    sent_at: int | None = None
    suppressed_by: str = ""
    ended_by: str = ""
    late: str = ""
    flapping: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a rule.

    Attributes:
        labels: Its identity, with `alertname`.
        annotations: The texts for people; made anew at each evaluation.
        value: The value of the expression when it was last true.
        active_at: When the expression began to be true; time in doubt does not count while it is pending.
        state: Its state.
        fired_at: When it began to fire; None while it does not.
        resolved_at: When it ceased to fire; None before.
        keep_firing_since: Since when it fires by `keep_firing_for` alone; None while the expression is true.
        series: The labels of the series that it was made of, without the name.
        behind: The nodes that stood behind it when it was last true; None before.
        doubt: The reason why nobody can say whether it is true; None when that is known.
        notes: Things to know of it.
    """

    labels: Labels
    annotations: Labels
    value: float
    active_at: int
    state: AlertState = AlertState.PENDING
    fired_at: int | None = None
    resolved_at: int | None = None
    keep_firing_since: int | None = None
    series: Labels = ()
    behind: Behind | None = None
    doubt: Doubt | None = None
    notes: Notes = Notes()

    @property
    def is_active(self) -> bool:
        """Whether it is pending or firing."""
        return self.state is not AlertState.INACTIVE

    @property
    def is_firing(self) -> bool:
        """Whether it fires."""
        return self.state is AlertState.FIRING

    @property
    def is_held(self) -> bool:
        """Whether it goes on firing because nobody can say that it is over."""
        return self.is_firing and self.doubt is not None

    @property
    def all_annotations(self) -> Labels:
        """Its annotations, with what receivers should know beside them."""
        notes = self.notes
        beside = {"ended_by": notes.ended_by, "late": notes.late, "flapping": notes.flapping}
        if self.doubt is not None:
            beside["no_data" if self.is_firing else "waits"] = str(self.doubt)
        added = {name: text for name, text in beside.items() if text}
        return tuple(sorted((dict(self.annotations) | added).items())) if added else self.annotations


def written(time: int) -> str:
    """Write a time for people, in UTC."""
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def come(alert: Alert, at: int) -> Alert:
    """Return an alert none of whose times has yet to come: one that has is of a clock that was ahead."""
    changes: dict[str, Any] = {name: at for name in _TIMES if (getattr(alert, name) or 0) > at}
    if alert.doubt is not None and alert.doubt.since > at:
        changes["doubt"] = replace(alert.doubt, since=at)
    if alert.behind is not None and (alert.behind.silent_since or 0) > at:
        changes["behind"] = replace(alert.behind, silent_since=at)
    if (alert.notes.sent_at or 0) > at:
        changes["notes"] = replace(alert.notes, sent_at=at)
    return replace(alert, **changes) if changes else alert


def refreshed(known: Alert | None, new: Alert) -> Alert:
    """Take over value and texts of this evaluation; an alert that had resolved begins again."""
    if known is None or not known.is_active:
        return new
    return replace(known, value=new.value, annotations=new.annotations, keep_firing_since=None, series=new.series)


def doubted(
    alert: Alert, at: int, passed: int, why: str, *, is_unable: bool = False, since: int | None = None
) -> Alert:
    """Follow an alert while nothing is known about it: one that fires is held, the clock of a pending one stands still.

    Args:
        alert: The alert.
        at: The time of this evaluation.
        passed: The milliseconds since the one before.
        why: The reason, in words.
        is_unable: Whether this aggregator cannot judge at all.
        since: When the doubt began, if it did not now.
    """
    begun = at if since is None else since
    since = alert.doubt.since if alert.doubt is not None else begun
    shift = passed if alert.state is AlertState.PENDING else 0
    return replace(alert, doubt=Doubt(since, why, is_unable), active_at=alert.active_at + shift)


def ended(alert: Alert, at: int, why: str = "") -> Alert:
    """Resolve an alert that fires."""
    sent_at = None if alert.notes.sent_at is None else min(alert.notes.sent_at, at - 1)  # the end is news
    notes = replace(alert.notes, ended_by=why, sent_at=sent_at)
    return replace(alert, state=AlertState.INACTIVE, resolved_at=at, doubt=None, keep_firing_since=None, notes=notes)


def is_remembered(alert: Alert, at: int) -> bool:
    """Tell whether a resolved alert is still to be remembered."""
    return at - (alert.resolved_at or 0) <= RESOLVED_RETENTION


def alerts_series(alert: Alert) -> Labels:
    """Name the series of `ALERTS` that tells an active alert's state."""
    return with_label(with_label(alert.labels, ALERT_STATE, alert.state.value), "__name__", ALERTS)


def for_state_series(alert: Alert) -> Labels:
    """Name the series of `ALERTS_FOR_STATE` that tells since when an alert is active."""
    return with_label(alert.labels, "__name__", ALERTS_FOR_STATE)
