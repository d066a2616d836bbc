"""Explain rule by rule, for people, what filters make of an agent's series; write filters as TOML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fog_agent.core.epoch_series import Watch
from fog_agent.core.filters.parsing import FilterError, as_document
from fog_agent.core.filters.rules import NAME, Decision, Filters
from fog_agent.core.filters.watch import FilteredWatch
from fog_agent.edge.filter_file import load_filters
from fog_agent.sources.scraping.text import parse_sample
from fog_cli.commands.check import check_files
from fog_cli.errors import UsageError
from fog_cli.terminal import show_labels
from fog_cli.words.text import printable
from utilityfog_frontend.telemetry.collector import TelemetryCollector


class Notes:
    """Takes what filters do, to print it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._texts: dict[str, str] = {}

    def filtered(self, rule: str) -> None:
        """Count a series that a rule keeps from being sent on its own."""
        self._counts[rule] += 1

    def tell(self, what: str, text: str) -> None:
        """Keep what is said."""
        self._texts[what] = text

    def lines(self) -> Iterator[str]:
        """Yield a line for each rule that filtered something, and for each thing that was said."""
        for rule, count in sorted(self._counts.items()):
            yield f"filtered by {rule}: {count} series"
        yield from (f"filters: {printable(text)}" for text in self._texts.values())


def read_filters(file: Path) -> Filters:
    """Read a file of rules.

    Raises:
        UsageError: It cannot be used.
    """
    try:
        return load_filters(file)
    except FilterError as error:
        raise UsageError(str(error)) from None


def filtered(collector: TelemetryCollector, file: Path) -> tuple[FilteredWatch, Notes]:
    """Return a watch of what is sent of a collector, and what its filters say."""
    notes = Notes()
    return FilteredWatch(collector.watch_series(), read_filters(file), notes), notes


def explain(filters: Filters, watch: Watch, name: str) -> Iterator[str]:
    """Yield rule by rule what becomes of each series that is called so, before or after, and why it is not sent.

    A name with labels, as in `http_total{path="/a"}`, is a series that need not be here.

    Raises:
        UsageError: It has labels that are none.
    """
    if "{" in name:
        yield from _explain_one(filters, name)
        return
    notes = Notes()
    filtering = FilteredWatch(watch, filters, notes)
    filtering.series()
    found = False
    for one in watch.series():
        before = {NAME: one.family.name, **dict(one.labels)}
        decision = filters.decide(before)
        if name not in (one.family.name, (decision.labels or {}).get(NAME)):
            continue
        found = True
        yield from _steps(before, decision)
        sent = filtering.sent_as(one)
        if decision.labels is not None and sent is None:
            yield "  is not sent, see below"
        elif sent is not None and (decision.aggregated or sent.parts > 1):
            yield f"  is sent, added to all that are called so: {sent.parts} here"
        elif sent is not None:
            yield "  is sent" if decision.steps else "  is sent as it is"
    if not found:
        yield f"no series here is called {printable(name)}, before its filters or after"
    yield from (line for line in notes.lines() if line.startswith("filters: "))


def _explain_one(filters: Filters, text: str) -> Iterator[str]:
    try:
        parsed = parse_sample(text.encode() + b" 0")
    except ValueError as error:
        raise UsageError(f"--explain: write a name, or a series as in 'http_total{{path=\"/a\"}}': {error}") from None
    before = {NAME: parsed.name, **dict(sorted(parsed.labels.items()))}
    decision = filters.decide(before)
    yield from _steps(before, decision)
    if decision.labels is not None:
        yield f"  would be sent{', added to all that are called so' if decision.aggregated else ''}"


def _steps(before: dict[str, str], decision: Decision) -> Iterator[str]:
    yield _shown(before)
    for step in decision.steps:
        yield f"  {step.rule}: {'is not sent' if step.labels is None else _shown(step.labels)}"


def check_filters(files: tuple[str, ...]) -> int:
    """Say whether files of rules can be used; one alone is printed as TOML. 0 when they can, else 1."""
    if not files:
        raise UsageError("which files of filters? Write fog check filters FILE ...")

    def say_of(file: str) -> str:
        filters = load_filters(Path(file))
        return "\n".join(as_toml(filters)) if len(files) == 1 else f"{file}: fine"

    return check_files(files, say_of, FilterError)


def as_toml(filters: Filters) -> Iterator[str]:
    """Yield the lines of a file that says the same."""
    for key, rules in as_document(filters).items():
        for rule in rules:
            yield f"[[{key}]]"
            yield from (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in rule.items())
            yield ""


def _shown(labels: dict[str, str]) -> str:
    rest = {name: value for name, value in labels.items() if name != NAME}
    return printable(f"{labels.get(NAME, '')}{show_labels(rest)}")
