"""The fleet as it really is, minute by minute, and what an aggregator can see of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from fog_aggregator.core.places.expected import NOBODY_EXPECTED, Expected
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.query.fleet_view import LATE_VALUES, MERGED_VALUES
from fog_aggregator.rules.verdicts.coverage import MOST_LISTED, Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path, format_path

MINUTE: Final = 60_000
BRANCHES: Final = 3
NODES: Final = 4
BRANCH_SHARE: Final = 0.75
"""A branch with so many silent nodes is a silent branch; the product's own threshold is higher, its branches larger."""

HOT: Final = 5
GROUP_HOT: Final = 20
FEW: Final = 6
FAILING: Final = 30


@dataclass
class Node:
    """One node: its fate, its true temperature, and the errors that it has counted."""

    path: Path
    temperature: int = 3
    errors: int = 0
    error_rate: int = 0
    fate: Fate = Fate.LIVE
    is_dead: bool = False
    late: int = 0


@dataclass(frozen=True)
class Seen:
    """The view of one minute that an aggregator has which reads everything.

    Attributes:
        values: The samples of that minute, by series.
        fates: The fate of each node.
        silent: The silent branches.
    """

    values: Mapping[Labels, float]
    fates: Mapping[Path, Fate]
    silent: tuple[Path, ...]


@dataclass
class Fleet:
    """All nodes."""

    random: Random
    nodes: dict[Path, Node] = field(default_factory=dict)
    late: dict[Path, int] = field(default_factory=dict)
    values: dict[Path, int] = field(default_factory=dict)
    expected: Expected = NOBODY_EXPECTED
    newcomers: dict[int, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for branch in range(BRANCHES):
            for number in range(NODES):
                path = ("fog", str(branch), str(number))
                self.nodes[path] = Node(path, temperature=self.random.randint(2, 4))

    def branch(self, branch: int) -> list[Node]:
        """List the nodes of a branch that are there."""
        return [node for node in self.nodes.values() if node.path[1] == str(branch) and node.fate is not Fate.GONE]

    def expect(self, random: Random) -> None:
        """Expect all nodes, and two that were never heard: one comes at last, or both do."""
        absent = [("fog", "0", "9"), ("fog", "1", "9")]
        self.expected = Expected(frozenset({*self.nodes, *absent}), {("fog", "2"): NODES})
        for path in absent[: random.randint(1, 2)]:
            self.newcomers[random.randint(10, 70)] = path

    @property
    def missing(self) -> int:
        """How many expected nodes were never heard, by the truth."""
        return len(self.expected.paths - self.nodes.keys())

    def tick(self, now: int) -> None:
        """Let a minute pass: what lives counts on; what was cut off brings all that it counted when it returns."""
        if now in self.newcomers:
            self.nodes[self.newcomers[now]] = Node(self.newcomers[now])
        for node in self.nodes.values():
            if node.fate in {Fate.LIVE, Fate.SILENT} and not node.is_dead:
                node.errors += node.error_rate
                for group in ((), node.path[:2], node.path):
                    self.values[group] = self.values.get(group, 0) + 100
                    self.late[group] = self.late.get(group, 0) + (node.late if node.fate is Fate.LIVE else 0)
                node.late = node.late + 100 if node.fate is Fate.SILENT else 0

    def truths(self) -> dict[Labels, bool]:
        """Tell of each alert whether it is true, by all nodes that have not ended: a dead one is as it was."""
        truths = {}
        for node in self._there():
            name = {"alertname": "NodeHot", "fog_level": "2", "fog_path": format_path(node.path)}
            truths[make_labels(name)] = node.temperature > HOT
        for branch in range(BRANCHES):
            mine = [node for node in self.branch(branch) if node.fate is not Fate.ENDED]
            place = {"fog_level": "1", "fog_path": f"fog/{branch}"}
            total = sum(node.temperature for node in mine)
            truths[make_labels({"alertname": "GroupHot", **place})] = total > GROUP_HOT
            truths[make_labels({"alertname": "GroupCold", **place})] = bool(mine) and total < FEW
        truths[make_labels({"alertname": "NodesMissing", "state": "missing"})] = self.missing > 0
        return truths

    def seen(self) -> Seen:
        """Return what a reader of everything sees now."""
        values: dict[Labels, float] = {}
        silent: list[Path] = []
        for branch in range(BRANCHES):
            mine = self.branch(branch)
            live = [node for node in mine if node.fate is Fate.LIVE]
            place = {"fog_level": "1", "fog_path": f"fog/{branch}"}
            if live:
                values[_series("temp", place)] = sum(node.temperature for node in live)
            counted = [node for node in mine if node.fate is not Fate.SILENT]
            values[_series("errors", place)] = sum(node.errors for node in counted) + self._errors_heard(branch)
            for node in live:
                values[_series("temp", {"fog_level": "2", "fog_path": format_path(node.path)})] = node.temperature
            silent += self._cover(branch, mine, values)
        values[_series("fog_aggregator_nodes", {"state": "missing"})] = self._missing_seen()
        for name, counts in ((MERGED_VALUES, self.values), (LATE_VALUES, self.late)):
            values |= {_series(name, place_of(group)): count for group, count in counts.items()}
        return Seen(values, {path: node.fate for path, node in self.nodes.items()}, tuple(silent))

    def _missing_seen(self) -> int:
        counted = {under: sum(path[: len(under)] == under for path in self.nodes) for under in self.expected.counts}
        return sum(count for _, count in self.expected.missing(self.nodes, counted))

    def _errors_heard(self, branch: int) -> int:
        """Return the errors of silent nodes as they were heard last: counts stay."""
        return sum(
            node.errors - node.error_rate * (node.late // 100) if not node.is_dead else node.errors
            for node in self.branch(branch)
            if node.fate is Fate.SILENT
        )

    def _cover(self, branch: int, mine: list[Node], values: dict[Labels, float]) -> Iterator[Path]:
        losses = [node for node in mine if node.fate is Fate.SILENT]
        expected = [node for node in mine if node.fate is not Fate.ENDED]
        if losses and len(losses) >= BRANCH_SHARE * len(expected):
            path = ("fog", str(branch))
            place = {"fog_path": format_path(path), "fog_kind": "subtree"}
            values[_series("fog_aggregator_silent", place)] = len(losses)
            yield path
            return
        for node in losses:
            values[_series("fog_aggregator_silent", {"fog_path": format_path(node.path), "fog_kind": "node"})] = 1

    def _there(self) -> Iterator[Node]:
        return (node for node in self.nodes.values() if node.fate in {Fate.LIVE, Fate.SILENT})


def place_of(group: Path) -> dict[str, str]:
    """Return the labels of a group of a level; of none for the whole fleet."""
    return {"fog_level": str(len(group) - 1), "fog_path": format_path(group)} if group else {}


def _series(name: str, labels: Mapping[str, str]) -> Labels:
    return make_labels({"__name__": name, **labels})


@dataclass(frozen=True)
class SeenCoverage:
    """The nodes behind numbers, as one look at the fleet showed them."""

    seen: Seen
    horizon: int = 7 * 86_400_000

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are."""
        mine = {path: fate for path, fate in self.seen.fates.items() if scope.holds(path)}
        counts = {fate: list(mine.values()).count(fate) for fate in Fate}
        listed = {path: fate for path, fate in mine.items() if fate in {Fate.LIVE, Fate.SILENT}}
        nodes = listed if len(listed) <= MOST_LISTED else None
        return Standing(counts[Fate.LIVE], counts[Fate.SILENT], counts[Fate.ENDED], nodes)

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""
        return self.seen.fates.get(path, Fate.GONE)

    def last_word(self, scope: Scope) -> int | None:
        """Tell that nobody is overdue: here a node is silent at once."""
        del scope
        return None
