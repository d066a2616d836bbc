"""Turn alerts into problems: one line for one cause, with its place, its beginning and the facts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from fog_aggregator.analysis.joining import ENOUGH, Joined, join, lowest
from fog_schema.paths import Path

CRITICAL, WARNING, NOTE = "critical", "warning", "note"
SEVERITIES: Final = (CRITICAL, WARNING, NOTE)
_SEVERITY: Final = {"critical": CRITICAL, "page": CRITICAL, "error": CRITICAL, "warning": WARNING, "warn": WARNING}
FIRING, PENDING, SILENCED = "firing", "pending", "silenced"
STATES: Final = (FIRING, PENDING, SILENCED)
BRANCH_SILENT: Final = "Branch silent"
"""The title of a silent branch for which no rule has an alert, and which suppresses others."""
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
FLOOD: Final = 10
"""More new alerts in 10 minutes are a flood (ISA-18.2): those of one rule are one line, wherever they are."""
_FLOOD_SECONDS: Final = 600.0
_TOGETHER: Final = 60.0
"""Nodes whose last frames came within so many seconds fell silent together."""


@dataclass(frozen=True, slots=True)
class Active:
    """One alert that is pending or fires.

    Attributes:
        name: Its rule's.
        path: The place that it is about; empty for the whole.
        state: `firing`, `pending` or `silenced`.
        severity: As its label says.
        since: When it became active.
        value: Of its expression.
        title: As its annotations say; empty for none.
        suppressed_by: The silent branch that keeps it from being told; None for none.
        doubtful: Whether nobody can say if it still should fire.
        until: When its silence ends; 0 without one.
    """

    name: str
    path: Path
    state: str
    severity: str = ""
    since: float = 0.0
    value: float = 0.0
    title: str = ""
    suppressed_by: Path | None = None
    doubtful: bool = False
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """The silent nodes of a place.

    Attributes:
        nodes: How many there are that were heard once.
        of: How many nodes there are in all.
        first: When the first of them was last heard.
        last: When the last of them was.
    """

    nodes: int
    of: int
    first: float = 0.0
    last: float = 0.0


class Nodes(Protocol):
    """The nodes of a fleet at one moment."""

    def count(self, path: Path) -> int:
        """Return how many there are at and under a path."""

    def silence(self, path: Path) -> Silence:
        """Return how many of them are silent, and since when."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for one cause.

    Attributes:
        name: The rule's; empty for a silent branch that no rule is about.
        title: A few words.
        path: The lowest place with all of its alerts.
        state: As its alerts' is.
        severity: `critical`, `warning` or `note`: the worst of its alerts.
        since: When the first of them became active.
        members: The numbers of its alerts.
        nodes: How many nodes are at and under their places.
        of: How many are at and under the path.
        suppressed: How many alerts of each rule it keeps from being told.
        text: Facts, in whole sentences.
    """

    name: str
    title: str
    path: Path
    state: str
    severity: str
    since: float
    members: Sequence[int]
    nodes: int
    of: int
    suppressed: Mapping[str, int] = field(default_factory=dict)
    text: str = ""


def severity_of(label: str) -> str:
    """Return one of three severities: what nobody calls critical or a warning is a note."""
    return _SEVERITY.get(label.lower(), NOTE)


def title_of(name: str) -> str:
    """Write the name of a rule as words: `BranchLost` as `Branch lost`."""
    first, *rest = _WORDS.sub(" ", name).split(" ")
    return " ".join((first, *(word if word.isupper() else word.lower() for word in rest)))


def problems(alerts: Sequence[Active], nodes: Nodes) -> list[Problem]:
    """Join alerts to problems: the worst first, then the oldest.

    Alerts of one rule in one state are joined by place (`join`), and more than ten lines that began within 10 minutes
    are one. Alerts that a silent branch suppresses are counted in the problem of that branch, and in no other.
    """
    suppressed: defaultdict[Path, list[int]] = defaultdict(list)
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, alert in enumerate(alerts):
        if alert.suppressed_by is None:
            groups[alert.name, alert.state].append(number)
        else:
            suppressed[alert.suppressed_by].append(number)
    found: list[Problem] = []
    for members in groups.values():
        joined = join([alerts[number].path for number in members], nodes.count)
        lines = _without_floods(joined, [alerts[number].since for number in members], nodes)
        found += [_problem(alerts, [members[place] for place in line.members], line, nodes) for line in lines]
    for branch, members in sorted(suppressed.items()):
        found = _with_suppressed(found, branch, members, alerts, nodes)
    return sorted(found, key=_rank)


def _without_floods(lines: Sequence[Joined], since: Sequence[float], nodes: Nodes) -> list[Joined]:
    """Join the lines of a rule where more than ten began within 10 minutes; those that come later change nothing."""
    begun = {line.path: min(since[number] for number in line.members) for line in lines}
    ordered = sorted(lines, key=lambda line: begun[line.path])
    times = [begun[line.path] for line in ordered]
    found: list[Joined] = []
    at = 0
    while at < len(ordered):
        end = bisect_left(times, times[at] + _FLOOD_SECONDS)
        is_flood = end - at > FLOOD
        found.append(_one(ordered[at:end], nodes) if is_flood else ordered[at])
        at = end if is_flood else at + 1
    return found


def _one(lines: Sequence[Joined], nodes: Nodes) -> Joined:
    """Make one line of several."""
    path = lowest([line.path for line in lines])
    members = sorted(number for line in lines for number in line.members)
    return Joined(path, members, sum(line.nodes for line in lines), max(1, nodes.count(path)))


def _rank(problem: Problem) -> tuple[int, int, float, Path, str]:
    state, severity = STATES.index(problem.state), SEVERITIES.index(problem.severity)
    return state, severity, problem.since, problem.path, problem.name


def _problem(alerts: Sequence[Active], members: Sequence[int], line: Joined, nodes: Nodes) -> Problem:
    own = [alerts[number] for number in members]
    severity = min((severity_of(alert.severity) for alert in own), key=SEVERITIES.index)
    title = own[0].title if len(own) == 1 and own[0].title else title_of(own[0].name)
    since, text = min(alert.since for alert in own), sentences(own, nodes.silence(line.path))
    if len(own) > FLOOD and line.nodes < ENOUGH * line.of:
        text = f"A flood of alerts. {text}"
    return Problem(own[0].name, title, line.path, own[0].state, severity, since, members, line.nodes, line.of, {}, text)


def _with_suppressed(
    found: list[Problem], branch: Path, members: Sequence[int], alerts: Sequence[Active], nodes: Nodes
) -> list[Problem]:
    """Count suppressed alerts in the firing problem at their branch; it is made where no rule has one."""
    counted = Counter(alerts[number].name for number in members)
    text = "Alerts that are not told while this lasts: " + ", ".join(
        f"{count} {name}" for name, count in sorted(counted.items())
    )
    for place, problem in enumerate(found):
        if problem.path == branch and problem.state == FIRING:
            joined = replace(problem, suppressed=dict(counted), text=f"{problem.text} {text}.".strip())
            return [*found[:place], joined, *found[place + 1 :]]
    silence = nodes.silence(branch)
    since = min(alerts[number].since for number in members)
    facts = " ".join((*_of_silence(silence), f"{text}."))
    count = nodes.count(branch)
    return [*found, Problem("", BRANCH_SILENT, branch, FIRING, CRITICAL, since, (), count, count, dict(counted), facts)]


def sentences(alerts: Sequence[Active], silence: Silence) -> str:
    """Say the facts of one problem: how many alerts, how many silent nodes, and how close together they fell silent."""
    places = len({alert.path for alert in alerts})
    found = [f"{len(alerts)} alerts at {places} places."] if places > 1 else []
    found += _of_silence(silence)
    if doubtful := sum(alert.doubtful for alert in alerts):
        whose = "it still fires" if len(alerts) == 1 else f"{doubtful} of them still fire"
        found.append(f"Nobody can say whether {whose}: nodes behind are silent.")
    return " ".join(found)


def _of_silence(silence: Silence) -> list[str]:
    if not silence.nodes:
        return []
    everybody = silence.nodes == silence.of
    if everybody and silence.of > 1:
        spread = silence.last - silence.first
        within = f" within {max(1, round(spread))} s" if spread <= _TOGETHER else ""
        return [f"All {silence.of} nodes fell silent{within}."]
    if everybody:
        return ["The node is silent."]
    return [f"{silence.nodes} of {silence.of} nodes are silent."]
