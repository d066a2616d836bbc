"""All that the screen is made of: where one looks, what is chosen, and what the aggregator has answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fog_cli.words.coverage import Nodes
from fog_cli.words.problems import Problem, Problems
from fog_cli.words.queries import Metric, window_of
from fog_cli.words.verdict import Doubt

VIEWS: Final = {"o": "overview", "n": "nodes", "a": "alerts", "e": "events", "m": "metrics"}
"""The views, by the key that comes after g."""
SPANS: Final = {"5m": 300.0, "15m": 900.0, "1h": 3600.0, "3h": 10800.0, "6h": 21600.0, "24h": 86400.0}
QUIET: Final = 8.0
GONE: Final = 15.0
"""Seconds without a word after which the aggregator is away; quiet after four beats of its stream."""

Answer = Mapping[str, Any]


@dataclass(slots=True)
class Where:
    """The place, the view, the span of time, and the metric that children are compared by (the first, if empty).

    `until` is the end of the span, seconds since 1970; 0 for now.
    """

    path: str = ""
    view: str = "overview"
    span: str = "1h"
    metric: str = ""
    until: float = 0.0

    def times(self, now: float) -> tuple[float, float]:
        """Return the beginning and the end of the span."""
        end = self.until or now
        return end - SPANS[self.span], end


@dataclass(slots=True)
class Chosen:
    """The reader's choices.

    Attributes:
        row: The chosen row of the table.
        problem: The number of the chosen problem; 0 for none.
        sort: How the table is sorted; empty for the view's own way.
        filter: Only rows with this text.
        every: Nodes in all states are listed, also those that are live.
        paused: Events that come are not shown.
        typing: The text that is being typed: "search", "filter", "metric", or none.
        typed: As far as it is typed.
        chord: The key g was pressed.
        sheet: The sheet of keys is shown.
        why: Why a node's number is what it is stands in place of its series.
        note: A word for the last line.
    """

    row: int = 0
    problem: int = 0
    sort: str = ""
    filter: str = ""
    every: bool = False
    paused: bool = False
    typing: str = ""
    typed: str = ""
    chord: bool = False
    sheet: bool = False
    why: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric of the place over the span, NaN where nothing is known; `band` has its siblings' 10 and 90 %."""

    metric: Metric
    values: Sequence[float]
    band: tuple[float, float] | None = None
    begin: float = 0.0
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a node."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class OwnAnswers:
    """The answers about a node without children.

    Attributes:
        node: All that is known of it, as /api/nodes has it.
        series: Its series.
        why: The answer of /api/explain about one of its metrics.
        like: The answer of /api/likeness, for the window of its rates.
    """

    node: Answer | None = None
    series: Sequence[Series] = ()
    why: Answer | None = None
    like: Answer = field(default_factory=dict)


@dataclass(slots=True)
class Answers:
    """The aggregator's answers, as far as they are there.

    Attributes:
        problems: All of the fleet's.
        tree: The place and its children.
        families: All metrics, the fleet's own programs' first.
        values: The metric of each child.
        sparks: The metric of each child over the span; of problems by their keys.
        chart: The metric of the place.
        own: Of a node without children.
        nodes: The answer of /api/nodes.
        events: The answer of /api/events.
        changes: The answer of /api/changes: which metrics are at the place, and which have changed most.
        hits: The paths that a search has found.
        errors: Why a part of it could not be had.
    """

    problems: Problems | None = None
    tree: Answer | None = None
    families: Sequence[Metric] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    sparks: dict[str, Sequence[float]] = field(default_factory=dict)
    chart: Chart | None = None
    own: OwnAnswers = field(default_factory=OwnAnswers)
    nodes: Answer | None = None
    events: Answer | None = None
    changes: Answer = field(default_factory=dict)
    hits: Sequence[str] = ()
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Link:
    """The aggregator, as it is heard.

    Attributes:
        url: Its address, without a login.
        status: The newest word about it.
        last: When that came, by this machine's clock; 0 before the first.
        ahead: How many seconds the aggregator's clock is ahead of this machine's.
        polling: Nothing comes by the stream: it is asked every 10 s.
        next_try: When it is tried again.
    """

    url: str = ""
    status: Answer | None = None
    last: float = 0.0
    ahead: float = 0.0
    polling: bool = False
    next_try: float = 0.0

    def hear(self, status: Answer, now: float) -> None:
        """Take a status; the stream's is a part of the whole one."""
        self.status = {**(self.status or {}), **status}
        self.last, self.ahead = now, status["now"] - now

    def state(self, now: float) -> str:
        """Return live, quiet, polling, not ready or disconnected."""
        silent = now - self.last
        if not self.last or silent >= GONE:
            return "disconnected"
        if self.status and not self.status["ready"]:
            return "not ready"
        if self.polling:
            return "polling"
        return "quiet" if silent >= QUIET else "live"


@dataclass(slots=True)
class State:
    """The whole of it."""

    where: Where = field(default_factory=Where)
    chosen: Chosen = field(default_factory=Chosen)
    answers: Answers = field(default_factory=Answers)
    link: Link = field(default_factory=Link)

    @property
    def is_ready(self) -> bool:
        """Whether totals may be shown."""
        return bool(self.link.status and self.link.status["ready"])

    @property
    def nodes(self) -> Nodes | None:
        """The nodes of the place by state; None where they are not known."""
        tree = self.answers.tree
        if tree is not None and tree["path"] == self.where.path:
            nodes: Nodes = tree["nodes"]
            return nodes
        return None

    @property
    def is_node(self) -> bool:
        """Whether the place is a node without children."""
        tree = self.answers.tree
        return bool(tree and tree["path"] == self.where.path and tree["state"] and tree["count"] <= 1)

    @property
    def problems(self) -> Sequence[Problem]:
        """The problems at and under the place."""
        return self.answers.problems.at(self.where.path).firing if self.answers.problems else ()

    @property
    def problem(self) -> Problem | None:
        """The problem that is chosen."""
        return next((one for one in self.problems if one.number == self.chosen.problem), None)

    def doubt(self, now: float) -> Doubt:
        """Say why nobody can be sure that all is well."""
        status = self.link.status or {}
        return Doubt(
            is_disconnected=self.link.state(now) == "disconnected",
            is_cut_off=status.get("connected") is False,
            not_ready="" if status.get("ready", True) else status["reason"] or "it catches up",
            error=self.answers.errors.get("alerts", ""),
        )

    @property
    def window(self) -> str:
        """The window of rates at the place."""
        answer = self.answers.own.like if self.is_node else self.answers.changes
        return window_of(answer.get("least_window", 0))

    def metric(self) -> Metric | None:
        """Return the metric that is chosen, or the first that the place has, as far as that is known."""
        here = self.answers.changes.get("names") or {one.name for one in self.answers.own.series}
        ranked = sorted(self.answers.families, key=lambda one: (one.name != self.where.metric, one.name not in here))
        return next(iter(ranked), None)

    def go(self, path: str, view: str = "overview") -> None:
        """Look at another place, or in another way: answers of before are no longer true."""
        problems, families, errors = self.answers.problems, self.answers.families, self.answers.errors
        self.where.path, self.where.view = path, view
        self.chosen = Chosen()
        alerts = {"alerts": errors["alerts"]} if "alerts" in errors else {}
        self.answers = Answers(problems=problems, families=families, errors=alerts)
