"""The rules that choose what is sent: Prometheus's of relabeling, and ours that add label sets up. As values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from fog_agent.core.filters.patterns import Pattern, PatternError, expand

NAME: Final = "__name__"
"""The label that rules know a family's name by."""
ACTIONS: Final = (
    *("replace", "keep", "drop", "keepequal", "dropequal"),
    *("lowercase", "uppercase", "labelmap", "labeldrop", "labelkeep"),
)
DROPS: Final = frozenset({"keep", "drop", "keepequal", "dropequal"})
"""Actions after which a series may not be there any more."""

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

Labels: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Relabel:
    """One rule as in Prometheus's ``metric_relabel_configs``, with its defaults."""

    action: str
    regex: Pattern
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    target_label: str = ""
    replacement: str = "$1"

    def apply(self, labels: Labels) -> Labels | None:
        """Return what becomes of some labels; None when the series is not sent.

        Raises:
            PatternError: A text is too long for the rule's pattern.
        """
        if self.action.startswith("label"):
            return self._apply_to_names(labels)
        value = self.separator.join([labels.get(name, "") for name in self.source_labels])
        if self.action in DROPS:
            return labels if self._is_sent(value, labels.get(self.target_label, "")) else None
        if self.action == "replace":
            return self._replace(labels, value)
        return labels | {self.target_label: value.lower() if self.action == "lowercase" else value.upper()}

    def _is_sent(self, value: str, target: str) -> bool:
        if self.action.endswith("equal"):
            return (value == target) == (self.action == "keepequal")
        return (self.regex.match(value) is not None) == (self.action == "keep")

    def _replace(self, labels: Labels, value: str) -> Labels:
        match = self.regex.match(value)
        if match is None:
            return labels
        target, text = expand(self.target_label, match), expand(self.replacement, match)
        if not is_label_name(target):
            return labels
        changed = {name: one for name, one in labels.items() if name != target}
        return changed | {target: text} if text else changed

    def _apply_to_names(self, labels: Labels) -> Labels:
        matches = {name: self.regex.match(name) for name in labels}
        if self.action == "labelmap":
            return labels | {expand(self.replacement, match): labels[name] for name, match in matches.items() if match}
        stay = self.action == "labelkeep"
        return {name: labels[name] for name, match in matches.items() if (match is not None) == stay}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Label sets that differ in some labels alone become one series, in which their counts are added.

    Args:
        match: A glob for families' names.
        without: The labels that are left out; or …
        by: … those that stay, and no others.
    """

    match: str
    without: tuple[str, ...] = ()
    by: tuple[str, ...] | None = None

    def apply(self, labels: Labels) -> Labels:
        """Return the labels that are left."""
        if self.by is not None:
            return {name: value for name, value in labels.items() if name in self.by or name == NAME}
        return {name: value for name, value in labels.items() if name not in self.without}

    def fits(self, name: str) -> bool:
        """Tell whether it is about a family."""
        return fnmatchcase(name, self.match)


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that did something to a series: its name, and the labels after it; None when it is not sent."""

    rule: str
    labels: Labels | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Say what becomes of a series: its labels, None when it is not sent; and what did that.

    Attributes:
        labels: As they are sent, the name among them.
        steps: The rules that changed anything, in their order.
        aggregated: A rule adds it to others on purpose.
        dropped_by: The rule that keeps it from being sent.
    """

    labels: Labels | None
    steps: tuple[Step, ...] = ()
    aggregated: bool = False
    dropped_by: str = ""


TOO_LONG: Final = "too long"
"""Stands for a rule: a text of the series is too long for a pattern."""
INVALID: Final = "invalid"
"""Stands for a rule: what became of the series has no name, or labels that no series may have."""


@dataclass(frozen=True, slots=True)
class Filters:
    """All rules of an agent: those of relabeling first, in their order, then the first aggregation that fits."""

    relabel: tuple[Relabel, ...] = ()
    aggregate: tuple[Aggregate, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Name every rule that may keep a series from being sent on its own."""
        dropping = [_relabel_name(at, one) for at, one in enumerate(self.relabel, 1) if one.action in DROPS]
        return (*dropping, *[_aggregate_name(at) for at in range(1, len(self.aggregate) + 1)])

    def decide(self, labels: Labels) -> Decision:
        """Decide what becomes of a series, by its labels and its name among them."""
        steps: list[Step] = []
        for at, rule in enumerate(self.relabel, 1):
            name = _relabel_name(at, rule)
            try:
                after = rule.apply(labels)
            except PatternError:
                return Decision(None, (*steps, Step(f"{name}: {TOO_LONG}", None)), dropped_by=TOO_LONG)
            if after != labels:
                steps.append(Step(name, after))
            if after is None:
                return Decision(None, tuple(steps), dropped_by=name)
            labels = after
        if steps:  # as Prometheus does: an empty label is none, and those of two underscores were for the rules alone
            labels = {name: value for name, value in labels.items() if value and (name == NAME or name[:2] != "__")}
        for at, one in enumerate(self.aggregate, 1):
            if one.fits(labels.get(NAME, "")):
                labels = one.apply(labels)
                return Decision(labels, (*steps, Step(_aggregate_name(at), labels)), aggregated=True)
        return Decision(labels, tuple(steps))


def is_label_name(text: str) -> bool:
    """Tell whether a text may name a label while rules are applied: also one that begins with two underscores."""
    return _LABEL_NAME.fullmatch(text) is not None


def _relabel_name(at: int, rule: Relabel) -> str:
    return f"relabel {at} {rule.action}"


def _aggregate_name(at: int) -> str:
    return f"aggregate {at}"
