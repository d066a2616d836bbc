"""Running of unit tests: groups are evaluated step by step, and compared with what is expected, in promtool's words."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.evaluation.context import Options
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.alert import Alert
from fog_aggregator.rules.durations import format_duration
from fog_aggregator.rules.model import RuleFile
from fog_aggregator.rules.ports import Circumstances, Surroundings
from fog_aggregator.rules.rule_set import RuleSet
from fog_aggregator.rules.templates.values import quote
from fog_aggregator.rules.unit_tests.fleet import UnitTestFleet
from fog_aggregator.rules.unit_tests.model import AlertTest, ExpectedAlert, ExpressionTest, UnitTest, UnitTestFile
from fog_aggregator.rules.unit_tests.notation import read_series
from fog_aggregator.rules.unit_tests.samples import UnitTestSamples
from fog_aggregator.rules.unit_tests.show import show_alerts, show_elapsed, show_samples
from fog_aggregator.rules.verdicts.coverage import Coverage, FullCoverage

MAX_EVALUATIONS: Final = 100_000
"""Of one test."""


def run_unit_test(
    file: UnitTestFile, test: UnitTest, rules: Sequence[RuleFile], options: Options | None = None
) -> list[str]:
    """Run a test over rule files: its failures, in promtool's words; none when it passes."""
    if test.last // file.interval > MAX_EVALUATIONS:
        return [f"    {test.last // file.interval} evaluations are too many: a test may have {MAX_EVALUATIONS}"]
    return _Run(file, test, rules, options or Options()).failures()


class _Run:
    """One test that runs."""

    def __init__(self, file: UnitTestFile, test: UnitTest, rules: Sequence[RuleFile], options: Options) -> None:
        self._file, self._test, self._files = file, test, rules
        self._samples = UnitTestSamples(test, options, file.interval)
        self._fleet = UnitTestFleet(test)
        coverage: Coverage = self._fleet if test.coverage else FullCoverage()
        self._circumstances = Circumstances(coverage=coverage, damps_flapping=False)
        self._rules = self._begun()

    def failures(self) -> list[str]:
        """Evaluate everything, and compare."""
        found: list[str] = []
        step, test = self._file.interval, self._test
        waiting = deque(sorted(test.alerts, key=lambda one: one.time))
        restarts = deque(sorted(test.restarts))
        for elapsed in range(0, test.last + 1, step):
            if restarts and restarts[0] <= elapsed:
                restarts.popleft()
                self._restart()
            errors = self._evaluate(test.start + elapsed)
            if errors:
                return found + errors
            while waiting and waiting[0].time < elapsed + step:
                found += self._compare_alerts(waiting.popleft())
        for expression in test.expressions:
            found += self._compare_samples(expression)
        return found

    def _begun(self) -> RuleSet:
        """Make the rules, in the order of their evaluation: groups that it does not name are with the first."""
        rules = RuleSet(Surroundings(self._test.external_labels, self._test.external_url))
        rules.replace(self._files)
        order = {name: place for place, name in enumerate(self._file.order)}
        rules.groups.sort(key=lambda state: order.get(state.group.name, 0))
        return rules

    def _restart(self) -> None:
        """Go on from a checkpoint."""
        image = self._rules.image()
        self._rules = self._begun()
        self._rules.restore(image)

    def _evaluate(self, at: int) -> list[str]:
        """Evaluate all groups: the errors."""
        errors = []
        self._samples.advance(at)
        self._fleet.advance(at)
        for state in self._rules.groups:
            problems = state.evaluate(at, self._samples, self._circumstances).problems
            errors += [f"    rule: {one.name}, time: {show_elapsed(at)}, err: {one.text}" for one in problems]
            self._rules.note(state)
        return errors

    def _compare_alerts(self, expected: AlertTest) -> list[str]:
        shows_state = any(alert.state for alert in expected.alerts)
        got = [
            ExpectedAlert(alert.labels, alert.annotations, _state(alert) if shows_state else "")
            for state in self._rules.groups
            for rule in state.alerting
            if rule.rule.name == expected.name
            for alert in rule.alerts.values()
            if alert.is_firing
        ]
        got.sort(key=_alert_key)
        wanted = sorted(expected.alerts, key=_alert_key)
        if len(got) == len(wanted) and all(map(_is_as_expected, got, wanted)):
            return []
        name = f"    name: {self._test.name},\n" if self._test.name else ""
        when = f"    alertname: {expected.name}, time: {format_duration(expected.time)}, "
        return [f"{name}{when}\n        exp:{show_alerts(wanted)}, \n        got:{show_alerts(got)}"]

    def _compare_samples(self, expected: ExpressionTest) -> list[str]:
        where = f"    expr: {quote(expected.expression)}, time: {format_duration(expected.time)},"
        try:
            vector = self._samples.query(expected.expression, self._test.start + expected.time)
        except QueryError as error:
            return [f"{where} err: {error}"]
        wanted = []
        for sample in expected.samples:
            try:
                wanted.append((read_series(sample.labels), sample.value))
            except ValueError as error:
                return [f"{where} err: labels {quote(sample.labels)}: {error}"]
        got, wanted = sorted(vector), sorted(wanted)
        if [labels for labels, _ in got] == [labels for labels, _ in wanted] and all(
            self._is_equal(one, other) for (_, one), (_, other) in zip(got, wanted, strict=True)
        ):
            return []
        return [f"{where}\n        exp: {show_samples(wanted)}\n        got: {show_samples(got)}"]

    def _is_equal(self, one: float, other: float) -> bool:
        """Compare values, exactly or up to the last bit; nothing equals NaN."""
        if one == other or not self._file.is_fuzzy:
            return one == other
        return other in {math.nextafter(one, math.inf), math.nextafter(one, -math.inf)}


def _alert_key(alert: ExpectedAlert) -> tuple[Labels, Labels]:
    return alert.labels, alert.annotations


def _is_as_expected(got: ExpectedAlert, wanted: ExpectedAlert) -> bool:
    return _alert_key(got) == _alert_key(wanted) and wanted.state in {"", got.state}


def _state(alert: Alert) -> str:
    return "held" if alert.is_held else "firing"
