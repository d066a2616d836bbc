"""The questions that the API asks of whoever evaluates rules and knows the tree, and the answers as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from fog_aggregator.promql.labels import Labels
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """One alert of a rule.

    Attributes:
        labels: With the templates filled in, and `alertname`.
        annotations: With the templates filled in.
        state: `pending` or `firing`.
        active_at: When it became active, milliseconds since 1970.
        value: Of the expression, at the last evaluation.
        keep_firing_since: Since when it fires only because of `keep_firing_for`; None if its expression holds.
        held_since: Since when nobody can say whether it still should fire; None if somebody can.
        suppressed_by: The silent branch that keeps it from being told; empty for none.
        nodes: How many nodes stood behind it when it was last true.
    """

    labels: Labels
    annotations: Mapping[str, str]
    state: str
    active_at: int
    value: float
    keep_firing_since: int | None = None
    held_since: int | None = None
    suppressed_by: str = ""
    nodes: int = 0


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One rule, with how its last evaluation went.

    Attributes:
        name: Of the alert, or of the recorded metric.
        query: The expression as it is printed.
        labels: That it adds, templates as they are written.
        health: `ok`, `err`, or `unknown` before its first evaluation.
        last_error: Why it is `err`.
        evaluation_seconds: How long its last evaluation took.
        last_evaluation: When that was, milliseconds since 1970; None before the first.
        state: `inactive`, `pending` or `firing`; None for a recording rule.
        hold_seconds: `for`.
        keep_firing_seconds: `keep_firing_for`.
        annotations: Templates as they are written.
        alerts: The active ones.
    """

    name: str
    query: str
    labels: Mapping[str, str] = field(default_factory=dict)
    health: str = "unknown"
    last_error: str = ""
    evaluation_seconds: float = 0.0
    last_evaluation: int | None = None
    state: str | None = None
    hold_seconds: float = 0.0
    keep_firing_seconds: float = 0.0
    annotations: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[AlertStatus] = ()


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One group of rules.

    Attributes:
        name: Of the group.
        file: Where it was read.
        interval_seconds: Between evaluations.
        limit: How many alerts or series a rule of it may make; 0 for as many as there are.
        rules: In the order of the file.
        evaluation_seconds: How long its last evaluation took.
        last_evaluation: When that was, milliseconds since 1970; None before the first.
    """

    name: str
    file: str
    interval_seconds: float
    rules: Sequence[RuleStatus]
    limit: int = 0
    evaluation_seconds: float = 0.0
    last_evaluation: int | None = None


class RulesStatus(Protocol):
    """Tell of rules and their alerts. Called on the event loop: answers with what is known, at once."""

    def rules(self) -> Sequence[GroupStatus]:
        """Return all groups."""

    def alerts(self) -> Sequence[AlertStatus]:
        """Return all active alerts."""


class _NoRules:
    """Stands where nobody evaluates rules."""

    def rules(self) -> Sequence[GroupStatus]:
        """Return no groups."""
        return ()

    def alerts(self) -> Sequence[AlertStatus]:
        """Return no alerts."""
        return ()


NO_RULES: Final[RulesStatus] = _NoRules()


class Places(Protocol):
    """The places of the fog: values of the labels that say which part of the fleet is meant. Any thread may ask."""

    def names(self) -> Sequence[str]:
        """Return the names of these labels."""

    def values(self, name: str, root: Path = ()) -> Sequence[str]:
        """Return what may be asked for under this label, at and under a path; nothing for any other label."""


class _NoPlaces:
    """Stands where no tree is known."""

    def names(self) -> Sequence[str]:
        """Return no names."""
        return ()

    def values(self, name: str, root: Path = ()) -> Sequence[str]:
        """Return no values."""
        del name, root
        return ()


NO_PLACES: Final[Places] = _NoPlaces()
