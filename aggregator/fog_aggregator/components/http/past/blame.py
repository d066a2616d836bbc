"""Say which part of the tree a change comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web

from fog_aggregator.analysis.blame import Blame, Child, Question, Step, blame
from fog_aggregator.analysis.shares import ENOUGH, Part
from fog_aggregator.components.http.output import JSON, send, send_json
from fog_aggregator.components.http.parameters import PATH, Parameter, number
from fog_aggregator.components.http.past.keys import PAST
from fog_aggregator.components.http.past.moments import moment
from fog_aggregator.components.http.prometheus.route import API, STATUS_OF
from fog_aggregator.components.http.prometheus.values import parse_duration
from fog_aggregator.history.routing import Subtree, View, Whole
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.language.parse import parse
from fog_schema.paths import Path, format_path

MOST_CHILDREN: Final = 50
"""Children of one place that an answer has."""
_WINDOW: Final = 600_000
_ERRORS: Final = {422: web.HTTPUnprocessableEntity, 503: web.HTTPServiceUnavailable}


class TreeAndLevels:
    """The tree as it is now, and the levels that some source has. Any thread may ask.

    Args:
        network: knows the tree.
        keeps: tells whether samples of a view are kept since a time.
    """

    def __init__(self, network: NetworkCollector, keeps: Callable[[View, int], bool]) -> None:
        self._network = network
        self._keeps = keeps

    def children(self, place: Path) -> Sequence[Path]:
        """Return the paths of one more token with nodes at or under them, and the place itself if it is a node."""
        return self._network.children(place)

    def has_level(self, level: int, since: int) -> bool:
        """Tell whether there is history of a level: then its groups are kept as subtrees."""
        return self._keeps(Subtree(("any",) * (level + 1)), since)

    def has_total(self, place: Path, since: int) -> bool:
        """Tell whether there is history of the total of a place."""
        return self._keeps(Subtree(place) if place else Whole(), since)


def _enough(text: str) -> float:
    share = number(text)
    if not 0.0 < share <= 1.0:
        raise ValueError("a share is above 0 and at most 1, as in 0.67")
    return share


def _milliseconds(text: str) -> int:
    return round(moment(text) * 1000)


def _moment(name: str, description: str) -> Parameter:
    schema = {"type": "string", "example": "2026-11-26T09:30:00Z"}
    return Parameter(name, f"{description}, unix seconds or RFC 3339", schema, _milliseconds)


def _text(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


PARAMETERS: Final = (
    Parameter(
        "query",
        "an expression of PromQL that adds up, as a sum or a rate, without labels of the fog",
        {"type": "string", "example": "sum(rate(errors_total[5m]))"},
        _text,
        required=True,
    ),
    PATH,
    _moment("from", "the earlier moment"),
    _moment("to", "the later moment; when left out the last one that has all its samples"),
    Parameter(
        "window",
        "how long before the later moment the earlier one is, where that is not given: seconds, or as in 10m",
        {"type": "string", "default": "10m"},
        parse_duration,
    ),
    Parameter(
        "enough",
        "the share of the change that a place must have to be looked into",
        {"type": "number", "default": ENOUGH, "maximum": 1},
        _enough,
        ENOUGH,
    ),
)


async def blamed(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the places that explain a change, each below the one before."""
    try:
        if request.method == "HEAD":
            return await send(request, (), JSON)
        queries = request.app[API].queries
        notes = queries.warnings()
        question = _question(query, queries.now(), round(request.app[PAST].past.step * 1000))
        async with queries.slot(request) as evaluation:
            work = partial(blame, question, queries.storage(evaluation), request.app[PAST].places)
            found = await queries.compute(partial(work, queries.evaluate_with(evaluation)))
    except QueryError as error:
        failure = _ERRORS.get(STATUS_OF.get(error.error_type, 400), web.HTTPBadRequest)
        raise failure(text=str(error)) from None
    return await send_json(request, _plain(query["query"], question, found, notes))


def _question(query: Mapping[str, Any], now: int, step: int) -> Question:
    """Return the question, at moments at which there are samples of all views.

    The step of this very moment may be taken while an answer is made, whose parts would then be of two moments.
    """
    start, end, window = query["from"], query["to"], query["window"]
    if start is not None and window is not None:
        raise web.HTTPBadRequest(text="from= and window= both say which the earlier moment is: give one of them")
    end = now - step if end is None else end
    start = end - (_WINDOW if window is None else window) if start is None else start
    start, end = start // step * step, end // step * step
    if start >= end:
        raise web.HTTPBadRequest(
            text=f"the earlier moment is not before the later one: there are samples each {step / 1000:g} s, "
            f"and the last ones are of {start / 1000:.3f} and {end / 1000:.3f}"
        )
    return Question(parse(query["query"]), query["path"], start, end, query["enough"])


def _plain(text: str, question: Question, found: Blame, notes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "query": text,
        "path": format_path(question.path),
        "from": question.start / 1000,
        "to": question.end / 1000,
        "found": {"path": format_path(found.path), "share": found.share, "reason": found.reason},
        "places": [_plain_step(step) for step in found.steps],
        "warnings": [*notes, *found.warnings],
    }


def _plain_step(step: Step) -> dict[str, Any]:
    shown = step.children[:MOST_CHILDREN]
    return {
        "path": format_path(step.path),
        **_plain_part(step.part),
        "share": step.share,
        "rest": step.rest,
        "children": [_plain_child(step, child) for child in shown],
        "left_out": len(step.children) - len(shown),
    }


def _plain_child(step: Step, child: Child) -> dict[str, Any]:
    share = child.share
    return {
        "path": format_path(child.path),
        "own": child.path == step.path,
        **_plain_part(child.part),
        "contribution": share.contribution,
        "surprise": share.surprise,
        "distance": share.distance,
        "suspect": child.suspect,
    }


def _plain_part(part: Part) -> dict[str, Any]:
    return {"before": part.before, "after": part.after, "change": part.change}
