"""List the places below branches, as values of the labels that say which part of the fleet is meant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from fog_aggregator.components.below.asking import JSON, Answer, Question
from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.below.passing import BELOW
from fog_aggregator.components.http.below.together import NOT_PASSED, ask_all
from fog_aggregator.components.http.keys import NETWORK
from fog_aggregator.history.routing import LEVEL, NODE
from fog_aggregator.promql.errors import UnavailableError
from fog_schema.errors import PathError
from fog_schema.paths import Path, format_path, is_under, parse_path

_OTHERS: Final = "its answer is about other places, or no list of them"
_UNSAID: Final = "its aggregator tells no complete list, with a reason that is not shown to you"
_MOST_WARNINGS: Final = 5
_LONGEST_WARNING: Final = 500


@dataclass(frozen=True, slots=True)
class PlacesBelow:
    """The places that the branches of a request tell.

    Attributes:
        values: The values of the label that was asked for.
        warnings: The branches whose places are missing, with the reason.
    """

    values: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


async def places_below(request: web.Request, label: str) -> PlacesBelow:
    """Ask the branches that a request is shown a part of for the values of a label of places.

    They are asked for their nodes, whatever the label is: levels and paths follow from those that may be shown.

    Raises:
        UnavailableError: Others are asking all the time.
    """
    root = shown_to(request)
    known = await asyncio.to_thread(request.app[NETWORK].inventory, lambda fleet: fleet.branches(()))
    branches = [one for one in known if is_under(one, root) or is_under(root, one)]
    if not branches:
        return PlacesBelow()
    asking = request.app.get(BELOW)
    if asking is None or not asking.passes_on:
        return PlacesBelow(warnings=tuple(_warning(branch, root, NOT_PASSED) for branch in branches))
    path = f"/api/v1/label/{NODE}/values"
    try:
        answers = await ask_all(request, [Question(branch, path, (), JSON) for branch in branches], asking)
    except web.HTTPServiceUnavailable as busy:
        raise UnavailableError(busy.text or "busy") from None
    return await asyncio.to_thread(_merged, answers, label, root)


def _merged(answers: dict[Path, Answer | str], label: str, root: Path) -> PlacesBelow:
    found, warnings = set[str](), list[str]()
    for branch, answer in answers.items():
        try:
            paths, notes = ([], [answer]) if isinstance(answer, str) else _read(answer.body, branch)
        except (ValueError, KeyError, TypeError, RecursionError, PathError):
            paths, notes = [], [_OTHERS]
        warnings += dict.fromkeys(_warning(branch, root, note) for note in notes)
        found.update(_values([path for path in paths if is_under(path, root)], label, max(branch, root, key=len)))
    return PlacesBelow(frozenset(found), tuple(warnings))


def _read(body: bytes, branch: Path) -> tuple[list[Path], list[str]]:
    """Read the nodes that a branch tells, and its warnings; raises for what is no list, or names others' places."""
    answer = json.loads(body)
    paths = [parse_path(text) for text in answer["data"]]
    if not all(is_under(path, branch) for path in paths):
        raise ValueError(branch)
    return paths, [str(text)[:_LONGEST_WARNING] for text in answer.get("warnings", ())[:_MOST_WARNINGS]]


def _values(nodes: Sequence[Path], label: str, top: Path) -> Iterable[str]:
    """Return nodes, the levels down to the deepest one, or the paths at and under `top` with nodes at or under them."""
    if label == NODE:
        return map(format_path, nodes)
    if label == LEVEL:
        return map(str, range(len(top) - 1, max(map(len, nodes), default=0)))
    return map(format_path, {node[:end] for node in nodes for end in range(len(top), len(node) + 1)})


def _warning(branch: Path, root: Path, why: str) -> str:
    """Say that a branch's places are not all listed; to who may not see all of it, without words of the branch."""
    if is_under(branch, root):
        return f"places below {format_path(branch)} are missing: {why}"
    return f"places below {format_path(root)} are missing: {why if why == NOT_PASSED else _UNSAID}"
