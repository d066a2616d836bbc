"""Say what is wrong, one line for one cause: what fires, then nodes that are not live and are behind no such line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fog_cli.words.numbers import DASH, clock, count, digits, many, span
from fog_cli.words.paths import is_under, shortened
from fog_cli.words.text import printable

RANK: Final = ("critical", "warning", "note")
_METRIC: Final = re.compile(r"\b([a-zA-Z_:][\w:]*)\s*\{|rate\(\s*([a-zA-Z_:][\w:]*)")
_OF_NODES: Final = {
    "departed": ("departed", "warning", "Not heard for an hour. Their counts stay in the totals."),
    "stale": ("stale", "warning", "Their gauges are out of every rollup, their counts stay."),
    "missing": ("missing", "warning", "Expected, and never heard."),
    "unread": ("unread", "warning", "Below a branch whose aggregator sends nothing: in no total."),
    "quarantined": ("in quarantine", "note", "Taken out of all totals by an operator."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the list.

    Attributes:
        title: Its name for people.
        path: Its place; empty for the whole fleet.
        severity: critical, warning or note.
        state: firing, pending, silenced, or that of nodes which are not live.
        start: When it began, seconds since 1970; 0 where that is not known.
        text: Facts about it.
        number: Its place in the list, from 1 on; 0 for what does not fire.
        paths: All places that it is about.
        more: How many more places there are than the one.
        answer: All that the aggregator says of it; empty for nodes that are not live.
    """

    title: str
    path: str
    severity: str
    state: str
    start: float
    text: str
    number: int = 0
    paths: tuple[str, ...] = ()
    more: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name by which it is recognised from one answer to the next."""
        return f"{self.answer.get('alert', 'nodes')}@{self.path if self.answer else ''}@{self.state}"

    @property
    def query(self) -> str:
        """The rule's expression; empty where it may not be seen."""
        return str(self.answer.get("query", ""))

    @property
    def metric(self) -> str:
        """The first metric of the rule's expression; empty without one of the nodes'."""
        found = _METRIC.search(self.query)
        name = (found[1] or found[2]) if found else ""
        return "" if name.startswith("fog_aggregator_") else re.sub(r"_(bucket|sum|count)$", "", name)

    @property
    def fires_at(self) -> float:
        """When a pending alert fires, if nothing changes; 0 for all others."""
        return float(self.answer.get("fires_at") or 0.0)

    @property
    def value(self) -> str:
        """The value of a single alert, else how many nodes are affected."""
        members = self.answer.get("members", ())
        if len(members) == 1:
            value = members[0]["value"]  # a text where it is no finite number
            return printable(value) if isinstance(value, str) else digits(value)
        nodes, of = self.answer.get("nodes", 0), self.answer.get("of", 0)
        return f"{count(nodes)} of {count(of)} nodes" if nodes and of else ""

    def is_within(self, path: str) -> bool:
        """Tell whether all that it is about is at or under a path."""
        return all(is_under(one, path) for one in self.paths or (self.path,))

    def is_at(self, path: str) -> bool:
        """Tell whether it is about a place at or under a path."""
        return any(is_under(one, path) for one in self.paths or (self.path,))


@dataclass(frozen=True, slots=True)
class Problems:
    """An answer of /api/alerts, read.

    Attributes:
        firing: All that is wrong, the worst first, numbered; nodes that are not live among them.
        pending: Alerts that may fire soon.
        silenced: Alerts that receivers are not told of.
        resolved: Alerts that are over, as the answer has them.
        held_back: Why no alert fires or resolves now; empty when they may.
        alerts: How many alerts are behind those that fire.
    """

    firing: tuple[Problem, ...] = ()
    pending: tuple[Problem, ...] = ()
    silenced: tuple[Problem, ...] = ()
    resolved: tuple[Mapping[str, Any], ...] = ()
    held_back: str = ""
    alerts: int = 0

    @property
    def fired(self) -> tuple[Problem, ...]:
        """The alerts among them."""
        return tuple(one for one in self.firing if one.answer)

    @property
    def not_live(self) -> tuple[Problem, ...]:
        """The lines of nodes that are not live."""
        return tuple(one for one in self.firing if not one.answer)

    def at(self, path: str) -> Problems:
        """Return what is about places at and under a path; numbers stay."""

        def here(some: Iterable[Problem]) -> tuple[Problem, ...]:
            return tuple(one for one in some if one.is_at(path))

        return Problems(
            here(self.firing),
            here(self.pending),
            here(self.silenced),
            tuple(one for one in self.resolved if is_under(one["path"], path)),
            self.held_back,
            self.alerts,
        )


def read(answer: Mapping[str, Any]) -> Problems:
    """Read an answer of /api/alerts."""
    every = [_of_alert(one) for one in answer["problems"] if not _fires_always(one)]
    by_state = {state: tuple(one for one in every if one.state == state) for state in ("firing", "pending", "silenced")}
    firing = by_state["firing"]
    nodes = [line for group in answer["nodes"] for line in _of_nodes(group, firing)]
    ordered = sorted((*firing, *nodes), key=lambda one: (RANK.index(one.severity), not one.answer))
    return Problems(
        tuple(replace(one, number=number) for number, one in enumerate(ordered, 1)),
        by_state["pending"],
        by_state["silenced"],
        tuple(answer["resolved"]),
        answer["held"],
        answer["alerts"]["firing"] + answer["alerts"]["suppressed"],
    )


def _fires_always(answer: Mapping[str, Any]) -> bool:
    """Tell whether an alert only shows that rules reach their receivers: its severity is none."""
    return any(one["labels"].get("severity") == "none" for one in answer["members"][:1])


def _of_alert(answer: Mapping[str, Any]) -> Problem:
    texts = (answer.get("annotations", {}).get("summary", ""), answer["text"])
    return Problem(
        printable(answer["title"]),
        answer["path"],
        answer["severity"] if answer["severity"] in RANK else "note",
        answer["state"],
        answer["since"] or 0.0,
        printable(" ".join(filter(None, texts))),
        paths=(answer["path"],),
        answer=answer,
    )


def _of_nodes(group: Mapping[str, Any], firing: Sequence[Problem]) -> Iterable[Problem]:
    """Make one line for all nodes of a state that no firing line is about."""
    if group["state"] not in _OF_NODES:
        return
    word, severity, text = _OF_NODES[group["state"]]
    own = [
        one for one in group["groups"] if not any(about.path and is_under(one["path"], about.path) for about in firing)
    ]
    if own:
        yield Problem(
            f"{many(sum(one['nodes'] for one in own), 'node')} {word}",
            own[0]["path"],
            severity,
            group["state"],
            min((one["first"] for one in own if one["first"]), default=0.0),
            text,
            paths=tuple(one["path"] for one in own),
            more=len(own) - 1 + group.get("left_out", 0),
        )


def when(problem: Problem, now: float) -> str:
    """Say since when, and for how long; or until when."""
    if until := problem.answer.get("silenced_until"):
        return f"{clock(problem.start, 2)} · until {clock(until, 2)}"
    return f"{clock(problem.start, 2)} · {span(now - problem.start)}" if problem.start else DASH


def place_of(problem: Problem, most: int = 48) -> str:
    """Return the place, and how many more there are."""
    more = f" and {count(problem.more)} more" if problem.more else ""
    return f"{shortened(problem.path or 'the fleet', most)}{more}"
