"""Which alerts a login is shown that sees a part of the tree, and how much of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus, RuleStatus
from fog_aggregator.history.routing import NODE, PATH
from fog_aggregator.promql.labels import Labels, label

_REASONS: Final = frozenset(("no_data", "waits", "ended_by"))
"""Annotations that say which nodes are silent, whatever a rule writes there."""


def alerts_under(groups: Iterable[GroupStatus], root: str) -> Iterator[AlertStatus]:
    """Find the alerts whose labels name a place at or under a path.

    A template that asks for samples may name any place: its text is left out, and alerts with such a label are. So is
    the reason why an alert is held: it may be a node elsewhere.
    """
    for rule in (rule for group in groups for rule in group.rules):
        if any(map(may_ask, rule.labels.values())):
            continue
        for alert in rule.alerts:
            if is_under(place_of(alert.labels), root):
                texts = {name: text for name, text in alert.annotations.items() if _is_shown(rule, name)}
                branch = alert.suppressed_by
                known = is_under(branch, root) or is_under(root, branch)
                yield replace(alert, annotations=texts, suppressed_by=branch if known else "")


def open_rules(groups: Iterable[GroupStatus]) -> frozenset[str]:
    """Return the names of the rules whose alerts are shown to somebody who sees a part of the tree.

    A rule that is gone is not among them: nobody knows any more what its labels told.
    """
    rules = [rule for group in groups for rule in group.rules]
    closed = {rule.name for rule in rules if any(map(may_ask, rule.labels.values()))}
    return frozenset(rule.name for rule in rules) - closed


def may_ask(template: str) -> bool:
    """Tell whether a template may ask for samples of any place."""
    return "query" in template


def place_of(labels: Labels) -> str:
    """Return the place that an alert's labels name; empty for none."""
    return label(labels, NODE) or label(labels, PATH)


def is_under(place: str, root: str) -> bool:
    """Tell whether a place is at or under another, both as text."""
    return f"{place}/".startswith(f"{root}/")


def _is_shown(rule: RuleStatus, annotation: str) -> bool:
    template = rule.annotations.get(annotation)
    return template is not None and not may_ask(template) and annotation not in _REASONS
