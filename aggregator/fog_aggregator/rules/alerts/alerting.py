"""Evaluate one alerting rule again and again: the alerts that it has, and why it cannot be judged when it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fog_aggregator.promql.errors import EvaluationError, QueryError
from fog_aggregator.promql.labels import NAME, Labels, make_labels, without_name
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.rules.alert import ALERT_NAME, Alert, alerts_series, come, doubted, ended, for_state_series
from fog_aggregator.rules.alerts.flapping import Flapping
from fog_aggregator.rules.alerts.following import Following, ended_by
from fog_aggregator.rules.alerts.lateness import Lateness
from fog_aggregator.rules.alerts.pair import INTERVALS, View
from fog_aggregator.rules.model import ON_SILENCE, AlertingRule
from fog_aggregator.rules.ports import Evaluation, RuleError, RuleStorage, Sample
from fog_aggregator.rules.templates import TemplateData, Vector
from fog_aggregator.rules.verdicts.coverage import Behind, silence_behind
from fog_aggregator.rules.verdicts.judge import Judge, scopes_of
from fog_aggregator.rules.verdicts.reads import selectors
from fog_aggregator.rules.verdicts.skeleton import Skeleton, skeleton

META: Final = "fog_meta"
"""The group of rules on the process's own state: they are evaluated whatever the fleet's numbers are worth."""
MAX_ALERTS: Final = 10_000
"""Alerts of one rule."""
MAX_TEMPLATE_QUERIES: Final = 10
"""Queries by the templates of one rule, in one evaluation."""


class Evaluated(NamedTuple):
    """The samples of one evaluation of a rule, and what went wrong, or nothing."""

    samples: list[Sample]
    problem: str = ""


class Undisputed(NamedTuple):
    """How many evaluations of others had no word for an alert, and when the last one was, milliseconds."""

    evaluations: int = 0
    at: int = -1

    def after(self, judged_at: int | None) -> Undisputed:
        """Count one more if it is of later; begin anew when nobody judges any more."""
        if judged_at is None:
            return Undisputed()
        return self if judged_at <= self.at else Undisputed(self.evaluations + 1, judged_at)


@dataclass(slots=True)
class AlertingState:
    """The state of one alerting rule.

    Attributes:
        rule: The rule.
        key: Its name among all rules: equal in both aggregators of a pair, and after a restart.
        part: The skeleton of its expression.
        alerts: Its alerts by their labels; resolved ones that are remembered among them.
        flapping: How often each alert has fired lately.
        over_limit: How many alerts there would be more without the group's limit.
        last_evaluation: When it was last evaluated; None before.
        is_resumed: It goes on from a checkpoint: the time since does not count for pending alerts.
        problem: The problem of the last evaluation; empty for none.
        is_unable: Whether the last evaluation gave no verdicts.
        undisputed: The evaluations of others, while the rule fails here, in which nothing spoke for an alert.
    """

    rule: AlertingRule
    key: str
    part: Skeleton
    alerts: dict[Labels, Alert] = field(default_factory=dict)
    flapping: dict[Labels, Flapping] = field(default_factory=dict)
    over_limit: int = 0
    last_evaluation: int | None = None
    is_resumed: bool = False
    problem: str = ""
    is_unable: bool = False
    undisputed: dict[Labels, Undisputed] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: AlertingRule, key: str, recorded: Mapping[str, Expression]) -> AlertingState:
        """Begin with a rule; `recorded` has the expressions of recording rules by what they record."""
        return cls(rule, key, skeleton(rule.tree, recorded))

    def resume(self, at: int, others: View) -> None:
        """Go on from a checkpoint before the first evaluation: what others have seen to end since is over."""
        if self.is_resumed:
            self._suspend(at, "the aggregator was away", self.last_evaluation)
            self.last_evaluation = at
            self._take_over_ends(others)

    def evaluate(self, now: Evaluation) -> Evaluated:
        """Let the alerts move on. A rule that fails, or cannot be judged, keeps them as they are."""
        if self.is_resumed:
            self._suspend(now.at, "the aggregator was away", self.last_evaluation)
            self.is_resumed, self.last_evaluation = False, now.at
        self.problem, self.is_unable = "", False
        if reason := self.paused(now):
            self.is_unable = True
            self._suspend(now.at, reason)
        else:
            try:
                self._follow(now)
                self.undisputed = {}
            except (QueryError, RuleError) as error:
                self.problem = str(error)
                if not self.over_limit:
                    self._fail(now, f"its rule fails: {error}")
        if self.is_unable:
            self._take_over_ends(now.circumstances.others)
        self.last_evaluation = now.at
        active = (alert for alert in self.alerts.values() if alert.is_active)
        return Evaluated(list(_samples(active, now.moment)), self.problem)

    @property
    def reads_nothing(self) -> bool:
        """Whether its expression reads no series: then all it can prove is that rules are evaluated."""
        return next(selectors(self.rule.tree), None) is None

    def paused(self, now: Evaluation) -> str:
        """Tell why the rule cannot be judged now; empty when it can be."""
        conditions = now.circumstances
        if now.group.name == META and not self.reads_nothing:
            return ""
        return conditions.paused or now.unknown(self.rule.tree)

    def _follow(self, now: Evaluation) -> None:
        """Evaluate the expression, and judge every alert.

        Raises:
            QueryError: The expression cannot be evaluated.
            RuleError: Two alerts have the same labels, or there are too many.
        """
        self.over_limit = 0
        self.alerts = {labels: come(alert, now.at) for labels, alert in self.alerts.items()}
        found = self._instances(now, now.storage.query(self.rule.tree, now.moment))

        def labels_of(expression: Expression) -> list[Labels]:
            return [labels for labels, _ in now.storage.query(expression, now.moment)]

        judge = Judge(self.part, now.circumstances.coverage, labels_of)
        lateness = Lateness(now.storage, now.moment, self.rule.tree)
        following = Following(self.rule, self.part, now, judge, self._passed(now.at), self.flapping, lateness)
        self.alerts, self.over_limit = following.follow(self.alerts, found)
        quiet = {labels for labels, one in self.flapping.items() if one.is_over(now.at)}
        for labels in quiet - {labels for labels, alert in self.alerts.items() if alert.is_active}:
            del self.flapping[labels]
        if self.over_limit:
            active = sum(alert.is_active for alert in self.alerts.values())
            raise RuleError(f"exceeded limit of {now.group.limit} with {active + self.over_limit} alerts")

    def _passed(self, at: int) -> int:
        """Return the milliseconds since the evaluation before; the clock of a pause may be behind the one before it."""
        return max(0, at - self.last_evaluation) if self.last_evaluation is not None else 0

    def _fail(self, now: Evaluation, why: str) -> None:
        """Leave the alerts as they are, but for those that another aggregator can judge, and sees to be over.

        It may have been away when an alert began, and its word is of its last evaluation: it counts when all the nodes
        behind the alert have spoken for some evaluations. The last word of one that died meanwhile counts once.
        """
        self.is_unable = True
        self._suspend(now.at, why)
        around = now.circumstances
        judged_at = around.others.judged_at(self.rule.name)
        for labels, alert in self.alerts.items():
            scopes = scopes_of(self.part, alert.series)
            silence = silence_behind(alert.behind or Behind(), scopes, around.coverage)
            disputed = not alert.is_firing or silence or around.others.still_fires(labels)
            known = self.undisputed.get(labels, Undisputed())
            self.undisputed[labels] = Undisputed() if disputed else known.after(judged_at)
            if self.undisputed[labels].evaluations > INTERVALS:
                self.alerts[labels] = ended(alert, now.at, ended_by(alert, self.part, now))

    def _take_over_ends(self, others: View) -> None:
        """End the alerts that another aggregator has seen to end since this one could last judge them."""
        for labels, alert in self.alerts.items():
            end = others.end(labels) if alert.is_held else None
            if end is not None and alert.doubt is not None and end.at >= alert.doubt.since:
                self.alerts[labels] = ended(alert, min(end.at, others.at), end.why)  # no clock is ahead of ours

    def _suspend(self, at: int, why: str, since: int | None = None) -> None:
        """Leave the alerts as they are while none can be judged; `since` is when that began, if it was before."""
        passed = self._passed(at)
        self.alerts = {
            labels: doubted(alert, at, passed, why, is_unable=True, since=since) if alert.is_active else alert
            for labels, alert in self.alerts.items()
        }

    def _instances(self, now: Evaluation, vector: Vector) -> dict[Labels, Alert]:
        """Make an alert of each series, labels and annotations written out."""
        query, around = TemplateQueries(now.storage, now.at), now.surroundings
        if len(vector) > MAX_ALERTS:
            raise RuleError(
                f"{len(vector)} alerts are too many: a rule may have {MAX_ALERTS}; aggregate, or raise the bar"
            )
        instances: dict[Labels, Alert] = {}
        for labels, value in vector:
            data = TemplateData(labels, value, query, around.external_labels, around.external_url)
            pairs = {name: text for name, text in labels if name != NAME}
            pairs |= {name: template.render(data) for name, template in self.rule.labels}
            identity = make_labels(pairs | {ALERT_NAME: self.rule.name})
            if identity in instances:
                raise RuleError("vector contains metrics with the same labelset after applying alert labels")
            annotations = tuple(
                sorted((name, template.render(data)) for name, template in self.rule.annotations if name != ON_SILENCE)
            )
            instances[identity] = Alert(identity, annotations, value, now.at, series=without_name(labels))
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


def _samples(active: Iterable[Alert], time: int) -> Iterable[Sample]:
    for alert in active:
        yield Sample(alerts_series(alert), time, 1.0)
        yield Sample(for_state_series(alert), time, float(alert.active_at // 1000))
