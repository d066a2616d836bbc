"""Evaluation of rule groups. Pure: samples, time and what is known of nodes are handed in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from fog_aggregator.promql.errors import EvaluationError, QueryError
from fog_aggregator.promql.labels import NAME, Labels, make_labels
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.promql.query import Result, ScalarResult, VectorResult
from fog_aggregator.promql.storage import STALE
from fog_aggregator.rules.alert import Alert
from fog_aggregator.rules.alerts.alerting import META, AlertingState, Evaluated
from fog_aggregator.rules.alerts.pair import View
from fog_aggregator.rules.model import AlertingRule, RecordingRule, Rule, RuleGroup, rule_labels
from fog_aggregator.rules.ports import Circumstances, Evaluation, RuleError, RuleStorage, Sample, Surroundings
from fog_aggregator.rules.templates import Vector


class Health(Enum):
    """How the last evaluation of a rule went."""

    UNKNOWN = "unknown"
    OK = "ok"
    ERR = "err"


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
    """The state of one recording rule; `known_since` is as in `Recorder`."""

    rule: RecordingRule
    key: str
    problem: str = ""
    last_evaluation: int | None = None
    known_since: int | None = None

    def evaluate(self, now: Evaluation) -> Evaluated:
        """Evaluate the rule; while nothing can be said about the fleet it has no samples."""
        self.problem = ""
        self.last_evaluation = now.at
        since, self.known_since = self.known_since, None
        if now.circumstances.paused and now.group.name != META:
            return Evaluated([])
        try:
            found = self._samples(now)
            if not now.unknown(self.rule.tree):
                self.known_since = now.moment if since is None else since
            return Evaluated(found)
        except (QueryError, RuleError) as error:
            self.problem = str(error)
            return Evaluated([], self.problem)

    def _samples(self, now: Evaluation) -> list[Sample]:
        override = {NAME: self.rule.name, **dict(self.rule.labels)}
        found = [
            Sample(make_labels(dict(labels) | override), now.moment, value)
            for labels, value in now.storage.query(self.rule.tree, now.moment)
        ]
        if len({sample.labels for sample in found}) < len(found):
            raise RuleError("vector contains metrics with the same labelset after applying rule labels")
        if 0 < now.group.limit < len(found):
            raise RuleError(f"exceeded limit of {now.group.limit} with {len(found)} series")
        return found


RuleState: TypeAlias = RecordingState | AlertingState


def rule_key(group: RuleGroup, rule: Rule) -> str:
    """Name a rule by what makes it the same rule after a restart, and in another aggregator."""
    return json.dumps([group.name, rule.name, rule_labels(rule), rule.expression])


class RuleGroupState:
    """A group that is evaluated again and again; not thread-safe.

    Args:
        group: The group.
        surroundings: Labels and address of the process.
        recorded: The expressions of the recording rules of all groups, by what they record.
    """

    def __init__(
        self,
        group: RuleGroup,
        surroundings: Surroundings | None = None,
        recorded: Mapping[str, Expression] | None = None,
    ) -> None:
        self.group = group
        known = recorded_by((group,)) if recorded is None else recorded
        self.rules: list[RuleState] = [
            RecordingState(rule, rule_key(group, rule))
            if isinstance(rule, RecordingRule)
            else AlertingState.of(rule, rule_key(group, rule), known)
            for rule in group.rules
        ]
        self.last_evaluation: int | None = None
        self.recorders: Mapping[str, Sequence[RecordingState]] = recorders_of((self,))
        self._surroundings = surroundings or Surroundings()
        self._written: list[frozenset[Labels]] = [frozenset() for _ in group.rules]

    @property
    def alerting(self) -> list[AlertingState]:
        """The states of its alerting rules."""
        return [state for state in self.rules if isinstance(state, AlertingState)]

    def resume(self, at: int, others: View) -> None:
        """Take over what others have seen to end while this one was away; see `AlertingState.resume`."""
        for state in self.alerting:
            state.resume(at, others)

    def evaluate(self, at: int, storage: RuleStorage, circumstances: Circumstances | None = None) -> GroupResult:
        """Evaluate the rules one after the other; the samples of each are stored before the next one is."""
        now = Evaluation(at, self.group, storage, self._surroundings, circumstances or Circumstances(), self.recorders)
        problems: list[RuleProblem] = []
        samples = 0
        for number, state in enumerate(self.rules, 1):
            found, problem = state.evaluate(now)
            samples += len(found)
            if found or not problem:  # what is held goes on, also in the series of alerts
                refused = self._write(number - 1, found, now)
                problem = problem or refused
            state.problem = problem
            if problem:
                if isinstance(state, RecordingState):
                    state.known_since = None
                problems.append(RuleProblem(number, state.rule.name, problem))
        self.last_evaluation = at
        alerts = tuple((state.rule, tuple(state.alerts.values())) for state in self.alerting)
        return GroupResult(at, alerts, samples, tuple(problems))

    def _write(self, position: int, found: list[Sample], now: Evaluation) -> str:
        """Store the samples of a rule, with stale markers for the series that it no longer makes."""
        labels = frozenset(sample.labels for sample in found)
        before, self._written[position] = self._written[position], labels
        problem = now.storage.write(found)
        now.storage.write([Sample(one, now.moment, STALE) for one in sorted(before - labels)])
        return problem


def health(state: RuleState) -> Health:
    """Tell how the last evaluation of a rule went."""
    if state.problem:
        return Health.ERR
    return Health.OK if state.last_evaluation is not None else Health.UNKNOWN


def recorded_by(groups: Iterable[RuleGroup]) -> dict[str, Expression]:
    """Collect the expressions of recording rules, by the names of the series that they record."""
    return {rule.name: rule.tree for group in groups for rule in group.rules if isinstance(rule, RecordingRule)}


def recorders_of(groups: Iterable[RuleGroupState]) -> dict[str, list[RecordingState]]:
    """Collect the states of recording rules, by the names of the series that they record."""
    found: dict[str, list[RecordingState]] = {}
    for group in groups:
        for state in group.rules:
            if isinstance(state, RecordingState):
                found.setdefault(state.rule.name, []).append(state)
    return found


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
