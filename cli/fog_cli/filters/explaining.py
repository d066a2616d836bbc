"""Explain rule by rule, for people, what filters make of an agent's series; write filters as TOML."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from fog_agent.core.epoch_series import SourceSeries
from fog_agent.core.filters.parsing import FilterError, as_document
from fog_agent.core.filters.rules import NAME, Filters
from fog_agent.core.filters.watch import FilteredWatch
from fog_agent.edge.filter_file import load_filters
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


def explain(filters: Filters, series: Iterable[SourceSeries], name: str) -> Iterator[str]:
    """Yield rule by rule what becomes of each series that is called so, before or after."""
    found = False
    for one in series:
        decision = filters.decide({NAME: one.family.name, **dict(one.labels)})
        if name not in (one.family.name, (decision.labels or {}).get(NAME)):
            continue
        found = True
        yield _shown({NAME: one.family.name, **dict(one.labels)})
        for step in decision.steps:
            yield f"  {step.rule}: {'is not sent' if step.labels is None else _shown(step.labels)}"
        if not decision.steps:
            yield "  is sent as it is"
        elif decision.labels is not None:
            yield f"  is sent{', added to all that are called so' if decision.aggregated else ''}"
    if not found:
        yield f"no series here is called {printable(name)}, before its filters or after"


def check_filters(files: tuple[str, ...]) -> int:
    """Say whether files of rules can be used; one alone is printed as TOML. 0 when they can, else 1."""
    if not files:
        raise UsageError("which files of filters? Write fog check filters FILE ...")
    fine = True
    for file in files:
        try:
            filters = load_filters(Path(file))
        except FilterError as error:
            print(error, file=sys.stderr)
            fine = False
        else:
            print("\n".join(as_toml(filters)) if len(files) == 1 else f"{file}: fine")
    return 0 if fine else 1


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
