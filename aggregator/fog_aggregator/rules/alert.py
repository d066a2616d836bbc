"""One alert and its life: pending, firing, inactive. Values that functions make anew; times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from fog_aggregator.promql.labels import Labels, with_label
from fog_aggregator.rules.model import AlertingRule

ALERT_NAME: Final = "alertname"
ALERT_STATE: Final = "alertstate"
ALERTS: Final = "ALERTS"
ALERTS_FOR_STATE: Final = "ALERTS_FOR_STATE"

RESOLVED_RETENTION: Final = 900_000
"""For how long a resolved alert is remembered."""


class AlertState(Enum):
    """The states of an alert, by their names in Prometheus."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a rule.

    Attributes:
        labels: Its identity, with `alertname`.
        annotations: The texts for people; made anew at each evaluation.
        value: The value of the expression when it last held.
        active_at: When the expression began to hold.
        state: Its state.
        fired_at: When it began to fire; None while it does not.
        resolved_at: When it ceased to fire; None before.
        keep_firing_since: Since when it fires by `keep_firing_for` alone; None while the expression holds.
    """

    labels: Labels
    annotations: Labels
    value: float
    active_at: int
    state: AlertState = AlertState.PENDING
    fired_at: int | None = None
    resolved_at: int | None = None
    keep_firing_since: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is pending or firing."""
        return self.state is not AlertState.INACTIVE


def observe(known: Alert | None, new: Alert, rule: AlertingRule, at: int) -> Alert:
    """Follow an alert whose expression holds at this evaluation; one that had resolved begins again."""
    alert = new
    if known is not None and known.is_active:
        alert = replace(known, value=new.value, annotations=new.annotations, keep_firing_since=None)
    return promote(alert, rule, at)


def miss(known: Alert, rule: AlertingRule, at: int) -> Alert | None:
    """Follow an alert whose expression does not hold at this evaluation; None when it may be forgotten."""
    if known.state is AlertState.PENDING:
        return None
    if known.state is AlertState.INACTIVE:
        return known if at - (known.resolved_at or 0) <= RESOLVED_RETENTION else None
    since = known.keep_firing_since if known.keep_firing_since is not None else at
    if at - since < rule.keep_firing_for:
        return promote(replace(known, keep_firing_since=since), rule, at)
    return replace(known, state=AlertState.INACTIVE, resolved_at=at)


def promote(alert: Alert, rule: AlertingRule, at: int) -> Alert:
    """Let an active alert fire once it has held for long enough; a longer `for` makes it pending again."""
    is_due = at - alert.active_at >= rule.pending_for
    if is_due and alert.state is AlertState.PENDING:
        return replace(alert, state=AlertState.FIRING, fired_at=at)
    if not is_due and alert.state is AlertState.FIRING:
        return replace(alert, state=AlertState.PENDING, fired_at=None, keep_firing_since=None)
    return alert


def alerts_series(alert: Alert) -> Labels:
    """Name the series of `ALERTS` that tells an active alert's state."""
    return with_label(with_label(alert.labels, ALERT_STATE, alert.state.value), "__name__", ALERTS)


def for_state_series(alert: Alert) -> Labels:
    """Name the series of `ALERTS_FOR_STATE` that tells since when an alert is active."""
    return with_label(alert.labels, "__name__", ALERTS_FOR_STATE)
