"""List the questions of a screen: each blocks, and puts its answer where the screen finds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fog_cli.api import Api
from fog_cli.live import pages
from fog_cli.top.screen.children import children_of
from fog_cli.top.screen.state import Answers, Chart, Series, State
from fog_cli.words.paths import is_under, parent_of
from fog_cli.words.problems import Problem, read
from fog_cli.words.queries import Metric, at, band, below, expression, of_node

MOST_CHILDREN: Final = 100
"""Children whose past is asked for."""
MOST_PROBLEMS: Final = 7
MOST_EVENTS: Final = 10_000
EVENTS: Final = 500
PAGE: Final = 200
HITS: Final = 20
_POINTS: Final = 60
_OWN: Final = ("fog_", "telemetry_", "process_", "python_", "node_", "go_")
_FIRST: Final = ("counter", "histogram", "gauge")
_NOT_LIVE: Final = ("departed", "missing", "quarantined", "unread", "stale")
_EVERY: Final = (*_NOT_LIVE, "live", "ended")


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its name, what asks (blocking), and what takes the answer."""

    name: str
    ask: Callable[[], Any]
    take: Callable[[Answers, Any], None]


def questions(api: Api, state: State, now: float, *, again: bool) -> Iterator[Question]:
    """Return what to ask for the screen as it is, one after the other: later ones depend on earlier answers.

    Args:
        api: The aggregator.
        state: The screen.
        now: Seconds since 1970, by the aggregator's clock.
        again: It is the same screen as before: its sparklines are asked for seldom.
    """
    if not state.is_ready:
        return
    yield Question("alerts", lambda: read(pages.problems(api, "", 1_000)), _set("problems"))
    if not state.answers.families or state.where.view == "metrics":
        yield Question("families", lambda: families(api.json("/api/v1/metadata")), _set("families"))
    views: dict[str, Callable[[Api, State, float], Iterator[Question]]]
    views = {"overview": partial(_place, again=again), "nodes": _nodes, "events": _events}
    yield from views.get(state.where.view, _head)(api, state, now)
    if state.where.view == "overview" and not again:
        yield from _past(api, state, now)


def _set(name: str) -> Callable[[Answers, Any], None]:
    return lambda answers, value: setattr(answers, name, value)


def _set_own(name: str) -> Callable[[Answers, Any], None]:
    return lambda answers, value: setattr(answers.own, name, value)


def families(answer: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Read an answer of /api/v1/metadata: metrics of programs first, what is counted before what is measured."""
    found = [Metric(name, one[0]["type"]) for name, one in answer["data"].items() if one and one[0]["type"] in _FIRST]
    return tuple(sorted(found, key=lambda one: (one.name.startswith(_OWN), _FIRST.index(one.type), one.name)))


def _place(api: Api, state: State, now: float, *, again: bool) -> Iterator[Question]:
    path = state.where.path
    yield Question("tree", lambda: api.json("/api/tree", {"path": path, "depth": 1}), _set("tree"))
    if not state.is_node and not again:  # it says which metrics are there, and over how long rates are taken
        yield Question("changes", lambda: api.json("/api/changes", {"path": path, "window": "1h"}), _set("changes"))
    metric = state.metric()
    if state.is_node:
        yield Question("node", lambda: _node(api, path), _set_own("node"))
        yield Question("series", lambda: series(api.json("/api/snapshot", {"node": path})), _set_own("series"))
        metric = state.metric()  # one that it has
        if not again:
            yield Question("like", lambda: api.json("/api/likeness", {"path": path, "limit": 1}), _set_own("like"))
        if state.chosen.why and metric is not None:
            asked = {"path": path, "name": metric.name}
            yield Question("why", lambda: api.json("/api/explain", asked), _set_own("why"))
    elif metric is not None:
        query = expression(metric, below(path), window=state.window, by="fog_path")
        yield Question("values", lambda: _values(api, query, state.where.until), _set("values"))
    if metric is not None:
        yield Question("chart", lambda: _chart(api, state, metric, now), _set("chart"))


def _node(api: Api, path: str) -> Mapping[str, Any] | None:
    """Ask what is known of a node."""
    nodes = api.json("/api/nodes", {"path": path, "limit": 1, "state": _EVERY})["nodes"]
    return next((node for node in nodes if node["path"] == path), None)


def _past(api: Api, state: State, now: float) -> Iterator[Question]:
    """Ask for sparklines: of the children in one query, and of the problems."""
    metric = state.metric()
    begin, end = state.where.times(now)
    if metric is not None and not state.is_node and len(children_of(state)) <= MOST_CHILDREN:
        query = expression(metric, below(state.where.path), window=state.window, by="fog_path")
        yield Question(
            "sparks", lambda: _ranges(api, query, begin, end), lambda answers, new: answers.sparks.update(new)
        )
    for problem in list(state.problems)[:MOST_PROBLEMS]:
        if problem.query:
            yield Question("sparks", partial(_of_problem, api, problem, begin, end), _spark(problem.key))


def _of_problem(api: Api, problem: Problem, begin: float, end: float) -> Sequence[float]:
    """Ask for the values of an alert's rule, whose expression is of all places, at the place of the problem."""
    found = _ranges(api, problem.query, begin, end).items()
    return next((values for path, values in found if is_under(path or problem.path, problem.path)), ())


def _spark(key: str) -> Callable[[Answers, Any], None]:
    return lambda answers, values: answers.sparks.__setitem__(key, values)


def series(answer: Mapping[str, Any]) -> tuple[Series, ...]:
    """Read an answer of /api/snapshot: the series of a node, programs' own first."""
    found = list[Series]()
    for name, values in sorted(answer["metrics"].items(), key=lambda one: (one[0].startswith(_OWN), one[0])):
        for one in values if isinstance(values, list) else [values]:
            found.append(Series(name, one["labels"], _number(one["value"])))
    return tuple(found)


def _nodes(api: Api, state: State, now: float) -> Iterator[Question]:
    chosen = state.chosen
    query = {
        "path": state.where.path,
        "state": _EVERY if chosen.every else _NOT_LIVE,
        "q": chosen.filter,
        "sort": chosen.sort or "worst",
        "limit": PAGE,
        "offset": max(0, chosen.row // (PAGE // 2) - 1) * (PAGE // 2),
    }
    yield from _head(api, state, now)
    yield Question("nodes", lambda: api.json("/api/nodes", query), _set("nodes"))


def _events(api: Api, state: State, now: float) -> Iterator[Question]:
    yield from _head(api, state, now)
    if not state.chosen.paused:
        query = {"path": state.where.path, "since": state.where.times(now)[0]}
        if state.where.until:
            query["until"] = state.where.until
        most = min(MOST_EVENTS, (state.chosen.row // EVENTS + 2) * EVENTS)
        yield Question("events", lambda: pages.events(api, query, most), _set("events"))


def _head(api: Api, state: State, now: float) -> Iterator[Question]:
    """Ask for the nodes that stand above every view."""
    del now
    path = state.where.path
    yield Question("tree", lambda: api.json("/api/tree", {"path": path, "depth": 0}), _set("tree"))


def beside(api: Api, path: str, step: int) -> str:
    """Return the path of a sibling; the path itself where it is the last one."""
    tree = api.json("/api/tree", {"path": parent_of(path), "depth": 1})
    paths = [one["path"] for one in tree["children"]]
    place = paths.index(path) + step if path in paths else -1
    return paths[place] if 0 <= place < len(paths) else path


def found(api: Api, path: str, text: str) -> list[str]:
    """Return the paths of the first nodes that a text is found in."""
    words = " ".join(word if "*" in word or "=" in word else f"*{word}*" for word in text.split())
    return [node["path"] for node in api.json("/api/nodes", {"path": path, "q": words, "limit": HITS})["nodes"]]


def _chart(api: Api, state: State, metric: Metric, now: float) -> Chart:
    path = state.where.path
    begin, end = state.where.times(now)
    query = expression(metric, of_node(path) if state.is_node else at(path), window=state.window)
    values = next(iter(_ranges(api, query, begin, end).values()), ())
    sides = None
    if parent_of(path):
        bands = (band(metric, path, quantile, window=state.window) for quantile in (0.1, 0.9))
        low, high = (_values(api, one, state.where.until).get("", math.nan) for one in bands)
        sides = (low, high)
    return Chart(metric, values, sides, begin, end)


def _values(api: Api, query: str, time: float) -> dict[str, float]:
    """Ask for values at a moment, or now, by their paths."""
    given = {"query": query, "time": f"{time:.3f}"} if time else {"query": query}
    answer = api.json("/api/v1/query", given)["data"]["result"]
    return {one["metric"].get("fog_path", ""): _number(one["value"][1]) for one in answer if "value" in one}


def _ranges(api: Api, query: str, begin: float, end: float) -> dict[str, Sequence[float]]:
    """Ask for values over a span, by their paths; NaN where nothing is known."""
    step = max(10.0, (end - begin) / _POINTS)
    given = {"query": query, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
    found_ranges = dict[str, Sequence[float]]()
    for one in api.json("/api/v1/query_range", given)["data"]["result"]:
        values = [math.nan] * (int((end - begin) / step) + 1)
        for moment, value in one.get("values", ()):
            place = round((moment - begin) / step)
            if 0 <= place < len(values):
                values[place] = _number(value)
        found_ranges[one["metric"].get("fog_path", "")] = values
    return found_ranges


def _number(value: Any) -> float:
    """Read a number of an answer, which may be a text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
