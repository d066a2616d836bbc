"""Label sets and matchers. A label set is a tuple of pairs, sorted by name; an empty value is an absent label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

import re2

from fog_aggregator.promql.errors import BadQueryError

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted by name, without empty values."""

NAME: Final = "__name__"
NO_LABELS: Final[Labels] = ()


def make_labels(pairs: Mapping[str, str]) -> Labels:
    """Build a label set; empty values are left out."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


def label(labels: Labels, name: str) -> str:
    """Look up a label's value; empty for an absent label."""
    for key, value in labels:
        if key == name:
            return value
    return ""


def without_name(labels: Labels) -> Labels:
    """Drop the metric's name."""
    if labels and labels[0][0] == NAME:
        return labels[1:]
    for position, (key, _) in enumerate(labels):
        if key == NAME:
            return labels[:position] + labels[position + 1 :]
        if key > NAME:
            break
    return labels


def metric_names(all_labels: Iterable[Labels]) -> set[str]:
    """Collect the names of metrics; an absent name is empty."""
    return {labels[0][1] if labels and labels[0][0] == NAME else label(labels, NAME) for labels in all_labels}


def keep(labels: Labels, names: frozenset[str]) -> Labels:
    """Keep only the labels of these names."""
    return tuple(pair for pair in labels if pair[0] in names)


def drop(labels: Labels, names: frozenset[str]) -> Labels:
    """Drop the labels of these names."""
    return tuple(pair for pair in labels if pair[0] not in names)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """Set one label; an empty value removes it."""
    rest = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*rest, (name, value)])) if value else tuple(rest)


def show(labels: Labels) -> str:
    """Write a label set as Prometheus does in messages: ``{__name__="a", b="c"}``."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"


def quote(text: str) -> str:
    """Quote a text as Go does for the characters that matter."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


class MatchKind(Enum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector on one label."""

    kind: MatchKind
    name: str
    value: str

    def test(self) -> Callable[[str], bool]:
        """Make the function that tells whether a value matches; an absent label has the empty value."""
        value = self.value
        if self.kind is MatchKind.EQUAL:
            return lambda text: text == value
        if self.kind is MatchKind.NOT_EQUAL:
            return lambda text: text != value
        pattern = compile_pattern(value)
        if self.kind is MatchKind.REGEX:
            return lambda text: pattern.fullmatch(text) is not None
        return lambda text: pattern.fullmatch(text) is None

    def __str__(self) -> str:
        return f"{self.name}{self.kind.value}{quote(self.value)}"


def compile_pattern(text: str) -> Any:
    """Compile a regular expression of RE2; `.` matches a newline, as in Prometheus from 3.0.

    Raises:
        BadQueryError: for a pattern that RE2 does not take.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?s:{text})", options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown"
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise BadQueryError(f"the regular expression {quote(text)} cannot be read: {reason}") from None


def select_labels(all_labels: Sequence[Labels], matchers: Iterable[Matcher]) -> list[int]:
    """Find the positions of the label sets that fulfil every matcher; each value is compared once."""
    known_values: dict[str, bool] = {}
    tests = [(matcher.name, matcher.test(), known_values.copy()) for matcher in matchers]
    if not tests:
        return list(range(len(all_labels)))
    found = []
    for position, labels in enumerate(all_labels):
        values = dict(labels)
        for name, test, known in tests:
            value = values.get(name, "")
            verdict = known.get(value)
            if verdict is None:
                verdict = known[value] = test(value)
            if not verdict:
                break
        else:
            found.append(position)
    return found
