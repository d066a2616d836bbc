"""Count what becomes of rules and alerts: every series is there from the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fog_aggregator.components.rules.storage import RuleSeries
from fog_aggregator.rules.rule_set import RuleSet, states_of
from utilityfog_frontend.telemetry import TelemetryCollector

RELOADED: Final = "reloaded"
FAILED: Final = "failed"


class RuleMetrics:
    """The instruments of rules, registered in `collector`.

    Attributes:
        missed: Evaluations that were left out because the one before was not over.
        duration: Seconds that the last evaluation of a group took, by the group.
        fired: Alerts that receivers were told of for the first time.
    """

    def __init__(self, collector: TelemetryCollector, rules: RuleSet, series: RuleSeries) -> None:
        counter, gauge = collector.register_counter, collector.register_gauge
        prefix = "fog_aggregator_"
        self._evaluations = counter(f"{prefix}rule_evaluations_total", "Rules evaluated", ["rule_group"])
        self._failures = counter(f"{prefix}rule_failures_total", "Evaluations of rules that failed", ["rule_group"])
        self.missed = counter(f"{prefix}rule_iterations_missed_total", "Evaluations of groups left out as too late")
        self.duration = gauge(f"{prefix}rule_evaluation_seconds", "The last evaluation of a group", ["rule_group"])
        self._reloads = counter(f"{prefix}rule_reloads_total", "Times that rule files were read again", ["result"])
        for result in (RELOADED, FAILED):
            self._reloads.labels(result=result)
        self.fired = counter(f"{prefix}alerts_fired_total", "Alerts that receivers were told of for the first time")
        self._alerts = gauge(f"{prefix}alerts", "Alerts by their state", ["state"])
        self._over_limit = gauge(f"{prefix}alerts_over_limit", "Alerts that a limit kept from being made")
        count = gauge(f"{prefix}rules", "Rules that are evaluated")
        count.set_function(lambda: sum(len(group.rules) for group in rules.groups))
        gauge(f"{prefix}rule_series", "Series that rules have made").set_function(lambda: len(series))
        refused = gauge(f"{prefix}rule_series_refused", "Samples of rules refused: too many series")
        refused.set_function(lambda: series.refused)
        self.show(rules)

    def show(self, rules: RuleSet) -> None:
        """Take the states of alerts, and make the series of groups that are new."""
        counts: Mapping[str, int] = states_of(rules.groups)
        for state, number in counts.items():
            self._alerts.labels(state=state).set(number)
        self._over_limit.set(sum(state.over_limit for group in rules.groups for state in group.alerting))
        for group in rules.groups:
            self._evaluations.labels(rule_group=group.group.name)
            self._failures.labels(rule_group=group.group.name)

    def evaluated(self, group: str, rules: int, failures: int, seconds: float) -> None:
        """Count one evaluation of a group."""
        self._evaluations.labels(rule_group=group).increment(rules)
        self._failures.labels(rule_group=group).increment(failures)
        self.duration.labels(rule_group=group).set(seconds)

    def reloaded(self, result: str) -> None:
        """Count that rule files were read again."""
        self._reloads.labels(result=result).increment()
