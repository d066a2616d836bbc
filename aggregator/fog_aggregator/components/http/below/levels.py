"""Answer about a level that lies below branches: our own part and that of each branch, as one answer."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.below.exposition import Block, PartError, merge, read_part
from fog_aggregator.components.http.below.passing import BELOW, question_of
from fog_aggregator.components.http.below.together import NOT_PASSED, ask_all
from fog_aggregator.components.http.keys import NETWORK
from fog_aggregator.query.samples import LEVEL, PATH
from fog_aggregator.query.selection import ViewKey
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.exposition.negotiation import Format
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

_MOST_NAMED: Final = 5
UNANSWERED: Final = Family(
    "fog_aggregator_below_unanswered", MetricType.GAUGE, "Branches that are shown as one, as nobody there answered: 1"
)


@dataclass(slots=True)
class LevelParts:
    """Hold the answers of branches about a level that lies below them.

    Attributes:
        level: the level.
        bodies: the answers, by branch.
        missing: why a branch has no answer; its total stands in for it.
    """

    level: int
    bodies: dict[Path, bytes] = field(default_factory=dict)
    missing: dict[Path, str] = field(default_factory=dict)

    def exposition(self, families: Iterable[FamilySnapshot], wanted: Format) -> bytes:
        """Return one exposition of our own families and the branches'."""
        parts: dict[Path, Mapping[str, Block]] = {}
        for branch, body in self.bodies.items():
            try:
                parts[branch] = read_part(body, branch, self.level)
            except PartError as error:
                self.missing[branch] = str(error)
        is_openmetrics = "openmetrics" in wanted.content_type
        shown = [*self._without(families, parts), *self.unanswered()]
        own = (wanted.generate([family]).decode() for family in shown)
        result = merge(own, parts, is_openmetrics=is_openmetrics)
        for branch, names in result.left_out.items():
            self.missing[branch] = f"metrics of another type there: {', '.join(names[:_MOST_NAMED])}"
        if is_openmetrics:
            return "".join(result.text).encode()  # it knows no remarks: the header says what is missing
        remarks = [f"# {path} is not complete: {why}\n" for path, why in self._why()]
        return "".join([*result.text, *remarks]).encode()

    def snapshot(self, families: Iterable[FamilySnapshot], write: Any) -> bytes:
        """Return one JSON snapshot of our own families and the branches'; `write` gives that of our own."""
        parts: dict[Path, dict[str, list[Any]]] = {}
        for branch, body in self.bodies.items():
            try:
                parts[branch] = self._values(body, format_path(branch))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self.missing[branch] = "its answer is about other places, or no snapshot"
        answer = json.loads(write(self._without(families, parts)))
        for values in parts.values():
            for name, more in values.items():
                known = answer["metrics"].get(name, [])
                answer["metrics"][name] = [*(known if isinstance(known, list) else [known]), *more]
        missing = [{"path": path, "why": why} for path, why in self._why()]
        return json.dumps(answer | {"missing": missing}, allow_nan=False).encode() + b"\n"

    def _values(self, body: bytes, branch: str) -> dict[str, list[Any]]:
        """Read the values of a branch's snapshot; raises for what is none, or of other places."""
        found: dict[str, list[Any]] = {}
        for name, values in json.loads(body, parse_constant=_refuse)["metrics"].items():
            found[name] = values if isinstance(values, list) else [values]
            for one in found[name]:
                labels = one["labels"]
                if labels[LEVEL] != str(self.level) or not f"{labels[PATH]}/".startswith(f"{branch}/"):
                    raise ValueError(name)
                if {*one} != {"value", "labels", "timestamp"} or not all(
                    isinstance(text, str) for text in labels.values()
                ):
                    raise ValueError(name)
                if not (isinstance(one["value"], str) or _is_finite(one["value"])) or not _is_finite(one["timestamp"]):
                    raise ValueError(name)
        return found

    def _without(self, families: Iterable[FamilySnapshot], answered: Iterable[Path]) -> list[FamilySnapshot]:
        """Leave the groups of branches out that have answered for themselves."""
        gone = {(PATH, format_path(branch)) for branch in answered}
        shown = ((one.family, [each for each in one.series if gone.isdisjoint(each.labels)]) for one in families)
        return [FamilySnapshot(family, series) for family, series in shown if series]

    def _why(self) -> list[tuple[str, str]]:
        return [(format_path(path), why) for path, why in sorted(self.missing.items())]

    def unanswered(self) -> list[FamilySnapshot]:
        """Return a sample for each branch that is shown as one."""
        series = [SeriesSnapshot(((LEVEL, str(self.level)), (PATH, path)), 1) for path, _ in self._why()]
        return [FamilySnapshot(UNANSWERED, series)] if series else []


def _refuse(constant: str) -> None:
    """Refuse NaN and Infinity, which JSON does not have, and which we could not write again."""
    raise ValueError(constant)


def _is_finite(number: object) -> bool:
    """Tell whether it is a number that JSON has: 1e999 is read as infinity."""
    return isinstance(number, int) or (isinstance(number, float) and math.isfinite(number))


async def parts_below(request: web.Request, view: ViewKey, media: str) -> LevelParts | None:
    """Ask the branches about the level of a view; None where no branch lies above it."""
    (selection, grouping), network = view, request.app[NETWORK]
    level = grouping.level
    if level is None:
        return None
    known = await asyncio.to_thread(network.inventory, lambda fleet: fleet.branches(selection.under))
    branches = [branch for branch in known if len(branch) <= level]
    if not branches:
        return None
    parts, asking = LevelParts(level), request.app.get(BELOW)
    if asking is None or not asking.passes_on:
        parts.missing = dict.fromkeys(branches, NOT_PASSED)
        return parts
    questions = [question_of(request, branch, media) for branch in branches]
    for branch, answer in (await ask_all(request, questions, asking)).items():
        if isinstance(answer, str):
            parts.missing[branch] = answer
            continue
        parts.bodies[branch] = answer.body
        if answer.missing:
            parts.missing[branch] = answer.missing
    return parts
