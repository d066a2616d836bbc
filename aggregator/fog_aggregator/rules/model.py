"""Rule files as values: groups of alerting and recording rules. Times are integer milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.rules.templates import Template

Templates: TypeAlias = tuple[tuple[str, Template], ...]
"""Templates by name, sorted by name."""

ON_SILENCE: Final = "fog_on_silence"
"""The annotation that says what the silence of nodes means for a rule; receivers do not get it."""


class OnSilence(StrEnum):
    """The meanings that the silence of nodes behind an alert may have."""

    HOLD = "hold"
    """Nobody knows whether it is true."""
    RESOLVE = "resolve"
    """As in Prometheus: data that are missing say nothing."""
    FIRE = "fire"
    """It is true."""


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A rule that makes an alert of each series of its expression.

    Attributes:
        name: The name of the alert.
        expression, tree: The expression, as it was written and parsed.
        pending_for: For how long the expression must be true before the alert fires (`for`).
        keep_firing_for: For how long it goes on firing after that (`keep_firing_for`).
        labels: Set on each alert, over those of the series; the group's are among them.
        annotations: The texts of the alert for people.
        line: Where the rule stands in its file.
        on_silence: The meaning of the silence of nodes behind an alert, from the annotation `fog_on_silence`.
    """

    name: str
    expression: str
    tree: Expression
    pending_for: int = 0
    keep_firing_for: int = 0
    labels: Templates = ()
    annotations: Templates = ()
    line: int = 0
    on_silence: OnSilence = OnSilence.HOLD


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A rule that writes the series of its expression under a name of its own.

    Attributes:
        name: The name of the series.
        expression, tree: The expression, as it was written and parsed.
        labels: Set on each series, over its own; the group's are among them.
        line: Where the rule stands in its file.
    """

    name: str
    expression: str
    tree: Expression
    labels: Labels = ()
    line: int = 0


Rule: TypeAlias = AlertingRule | RecordingRule


def rule_labels(rule: Rule) -> Labels:
    """List the labels that a rule sets, as they were written."""
    if isinstance(rule, RecordingRule):
        return rule.labels
    return tuple((name, template.source) for name, template in rule.labels)


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other, at the same times.

    Attributes:
        name: Unique in its file.
        file: The file's name.
        rules: In the order of the file.
        interval: The time between evaluations; None for the default one.
        limit: The most alerts or series of one rule; 0 for any number.
        query_offset: How far in the past the expressions are evaluated; None for the default.
        labels: Set on everything that the rules make, under the labels of the rule.
        line: Where the group stands in its file.
    """

    name: str
    file: str
    rules: tuple[Rule, ...] = ()
    interval: int | None = None
    limit: int = 0
    query_offset: int | None = None
    labels: Labels = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file of groups, with warnings for its reader."""

    file: str
    groups: tuple[RuleGroup, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rules(self) -> int:
        """The number of rules."""
        return sum(len(group.rules) for group in self.groups)
