"""Evaluation of rule groups with Prometheus' life cycle of alerts. Pure: storage and time are handed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, Protocol, TypeAlias

from fog_aggregator.promql.errors import EvaluationError, QueryError
from fog_aggregator.promql.labels import NAME, Labels, make_labels
from fog_aggregator.promql.query import Result, ScalarResult, VectorResult
from fog_aggregator.promql.storage import STALE
from fog_aggregator.rules.alert import (
    ALERT_NAME,
    Alert,
    alerts_series,
    for_state_series,
    miss,
    observe,
)
from fog_aggregator.rules.model import AlertingRule, RecordingRule, Rule, RuleGroup
from fog_aggregator.rules.templates import TemplateData, Vector

MAX_TEMPLATE_QUERIES: Final = 10
"""Of the templates of one rule, in one evaluation."""


class Sample(NamedTuple):
    """A sample that a rule makes."""

    labels: Labels
    time: int
    value: float


class RuleStorage(Protocol):
    """The samples that rules read and write."""

    def query(self, expression: str, at: int) -> Vector:
        """Evaluate an expression at a time.

        Raises:
            QueryError: when it cannot be evaluated.
        """

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples, so that the next query sees them: empty, or the reason why some could not be."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Facts about the process that templates may use."""

    external_labels: Labels = ()
    external_url: str = ""


class Health(Enum):
    """How the last evaluation of a rule went."""

    UNKNOWN = "unknown"
    OK = "ok"
    ERR = "err"


class RuleError(Exception):
    """A rule that could not be evaluated."""


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """A rule that failed in one evaluation; `number` counts from 1 in the group."""

    number: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The outcome of one evaluation of a group.

    Attributes:
        at: The time of the evaluation.
        alerts: The alerts of each alerting rule, resolved ones that are remembered among them.
        samples: The number of samples that were written.
        problems: The rules that failed.
    """

    at: int
    alerts: tuple[tuple[AlertingRule, tuple[Alert, ...]], ...]
    samples: int
    problems: tuple[RuleProblem, ...]


@dataclass(slots=True)
class RecordingState:
    """The state of one recording rule."""

    rule: RecordingRule
    health: Health = Health.UNKNOWN
    last_error: str = ""
    written: frozenset[Labels] = frozenset()

    def samples(self, at: int, group: RuleGroup, storage: RuleStorage, _surroundings: Surroundings) -> list[Sample]:
        """Evaluate the rule: its samples."""
        offset = group.query_offset or 0
        override = {NAME: self.rule.name, **dict(self.rule.labels)}
        found = [
            Sample(make_labels(dict(labels) | override), at - offset, value)
            for labels, value in storage.query(self.rule.expression, at - offset)
        ]
        if len({sample.labels for sample in found}) < len(found):
            raise RuleError("vector contains metrics with the same labelset after applying rule labels")
        if 0 < group.limit < len(found):
            raise RuleError(f"exceeded limit of {group.limit} with {len(found)} series")
        return found


@dataclass(slots=True)
class AlertingState:
    """The state of one alerting rule: its alerts by their labels."""

    rule: AlertingRule
    alerts: dict[Labels, Alert] = field(default_factory=dict)
    health: Health = Health.UNKNOWN
    last_error: str = ""
    written: frozenset[Labels] = frozenset()

    def samples(self, at: int, group: RuleGroup, storage: RuleStorage, surroundings: Surroundings) -> list[Sample]:
        """Evaluate the rule: the alerts move on, and their states are its samples."""
        offset = group.query_offset or 0
        found = self._instances(at, storage.query(self.rule.expression, at - offset), storage, surroundings)
        alerts = {labels: observe(self.alerts.get(labels), new, self.rule, at) for labels, new in found.items()}
        for labels, known in self.alerts.items():
            if labels not in found and (after := miss(known, self.rule, at)) is not None:
                alerts[labels] = after
        active = [alert for alert in alerts.values() if alert.is_active]
        if 0 < group.limit < len(active):
            self.alerts = {}
            raise RuleError(f"exceeded limit of {group.limit} with {len(active)} alerts")
        self.alerts = alerts
        return list(_alert_samples(active, at - offset))

    def _instances(
        self, at: int, vector: Vector, storage: RuleStorage, surroundings: Surroundings
    ) -> dict[Labels, Alert]:
        """Make an alert of each series, labels and annotations written out."""
        query = TemplateQueries(storage, at)
        instances: dict[Labels, Alert] = {}
        for labels, value in vector:
            data = TemplateData(labels, value, query, surroundings.external_labels, surroundings.external_url)
            pairs = {name: text for name, text in labels if name != NAME}
            pairs |= {name: template.render(data, self.rule.name) for name, template in self.rule.labels}
            identity = make_labels(pairs | {ALERT_NAME: self.rule.name})
            if identity in instances:
                raise RuleError("vector contains metrics with the same labelset after applying alert labels")
            annotations = {name: template.render(data, self.rule.name) for name, template in self.rule.annotations}
            instances[identity] = Alert(identity, tuple(sorted(annotations.items())), value, at)
        return instances


class TemplateQueries:
    """Evaluates the queries of templates, each once in an evaluation of a rule, and no more than some."""

    def __init__(self, storage: RuleStorage, at: int) -> None:
        self._storage = storage
        self._at = at
        self._known: dict[str, Vector] = {}

    def __call__(self, expression: str) -> Vector:
        """Evaluate an expression at the time of the evaluation.

        Raises:
            QueryError: when it cannot be evaluated, or is one too many.
        """
        if expression not in self._known:
            if len(self._known) == MAX_TEMPLATE_QUERIES:
                raise EvaluationError(f"the templates of a rule may make {MAX_TEMPLATE_QUERIES} queries an evaluation")
            self._known[expression] = self._storage.query(expression, self._at)
        return self._known[expression]


RuleState: TypeAlias = RecordingState | AlertingState


class RuleGroupState:
    """A group that is evaluated again and again; not thread-safe."""

    def __init__(self, group: RuleGroup, surroundings: Surroundings | None = None) -> None:
        self.group = group
        self.rules: list[RuleState] = [_state(rule) for rule in group.rules]
        self.last_evaluation: int | None = None
        self._surroundings = surroundings or Surroundings()

    def evaluate(self, at: int, storage: RuleStorage) -> GroupResult:
        """Evaluate the rules one after the other; the samples of each are stored before the next one is."""
        problems: list[RuleProblem] = []
        samples = 0
        for number, state in enumerate(self.rules, 1):
            try:
                samples += self._evaluate(state, at, storage)
            except (QueryError, RuleError) as error:
                state.health, state.last_error = Health.ERR, str(error)
                problems.append(RuleProblem(number, state.rule.name, str(error)))
            else:
                state.health, state.last_error = Health.OK, ""
        self.last_evaluation = at
        alerting = [state for state in self.rules if isinstance(state, AlertingState)]
        alerts = tuple((state.rule, tuple(state.alerts.values())) for state in alerting)
        return GroupResult(at, alerts, samples, tuple(problems))

    def _evaluate(self, state: RuleState, at: int, storage: RuleStorage) -> int:
        """Evaluate one rule and store its samples, with stale markers for the series that it no longer makes."""
        found = state.samples(at, self.group, storage, self._surroundings)
        written = frozenset(sample.labels for sample in found)
        moment = at - (self.group.query_offset or 0)
        problem = storage.write(found)
        storage.write([Sample(labels, moment, STALE) for labels in sorted(state.written - written)])
        state.written = written
        if problem:
            raise RuleError(problem)
        return len(found)


def _state(rule: Rule) -> RuleState:
    return RecordingState(rule) if isinstance(rule, RecordingRule) else AlertingState(rule)


def _alert_samples(active: Iterable[Alert], time: int) -> Iterable[Sample]:
    for alert in active:
        yield Sample(alerts_series(alert), time, 1.0)
        yield Sample(for_state_series(alert), time, float(alert.active_at // 1000))


def vector_of(result: Result) -> Vector:
    """Take a vector from the answer to a query; a scalar is a series without labels.

    Raises:
        EvaluationError: for a range vector or a string.
    """
    if isinstance(result.data, VectorResult):
        return list(zip(result.data.labels, result.data.values.tolist(), strict=True))
    if isinstance(result.data, ScalarResult):
        return [((), result.data.value)]
    raise EvaluationError("rule result is not a vector or scalar")
