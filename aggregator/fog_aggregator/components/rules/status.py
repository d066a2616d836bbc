"""Show rules and alerts to whoever asks over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus, RuleStatus
from fog_aggregator.rules.alert import Alert, AlertState
from fog_aggregator.rules.alerts.alerting import AlertingState
from fog_aggregator.rules.evaluate import RuleGroupState, RuleState, health
from fog_aggregator.rules.model import AlertingRule, rule_labels
from fog_aggregator.rules.rule_set import RuleSet

_WORST = (AlertState.FIRING, AlertState.PENDING)


class RulesView:
    """The groups, rules and alerts of a rule set, as they are after the last evaluation of each."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules

    def rules(self) -> Sequence[GroupStatus]:
        """Return all groups."""
        return [self._group(group) for group in self._rules.groups]

    def alerts(self) -> Sequence[AlertStatus]:
        """Return all active alerts."""
        return [alert for group in self._rules.groups for state in group.alerting for alert in _alerts(state)]

    def _group(self, state: RuleGroupState) -> GroupStatus:
        group = state.group
        return GroupStatus(
            name=group.name,
            file=group.file,
            interval_seconds=self._rules.interval(group) / 1000,
            rules=[_rule(one) for one in state.rules],
            limit=group.limit,
            last_evaluation=state.last_evaluation,
        )


def _rule(state: RuleState) -> RuleStatus:
    rule = state.rule
    of_alerts = isinstance(state, AlertingState)
    alerts = _alerts(state) if isinstance(state, AlertingState) else []
    alerting = rule if isinstance(rule, AlertingRule) else None
    return RuleStatus(
        name=rule.name,
        query=rule.expression,
        labels=dict(rule_labels(rule)),
        health=health(state).value,
        last_error=state.problem,
        last_evaluation=state.last_evaluation,
        state=_state(alerts) if of_alerts else None,
        hold_seconds=alerting.pending_for / 1000 if alerting else 0.0,
        keep_firing_seconds=alerting.keep_firing_for / 1000 if alerting else 0.0,
        annotations={name: template.source for name, template in alerting.annotations} if alerting else {},
        alerts=alerts,
    )


def _state(alerts: Sequence[AlertStatus]) -> str:
    states = {alert.state for alert in alerts}
    return next((one.value for one in _WORST if one.value in states), AlertState.INACTIVE.value)


def _alerts(state: AlertingState) -> list[AlertStatus]:
    return [_alert(alert) for alert in list(state.alerts.values()) if alert.is_active]


def _alert(alert: Alert) -> AlertStatus:
    return AlertStatus(
        labels=alert.labels,
        annotations=dict(alert.all_annotations),
        state=alert.state.value,
        active_at=alert.active_at,
        value=alert.value,
        keep_firing_since=alert.keep_firing_since,
        held_since=alert.doubt.since if alert.is_held and alert.doubt is not None else None,
        suppressed_by=alert.notes.suppressed_by,
        nodes=alert.behind.count if alert.behind is not None else 0,
    )
