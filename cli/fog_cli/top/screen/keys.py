"""Keys, as on the page: each changes what is chosen, and may ask for something outside."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fog_cli.top.screen.children import SORTS
from fog_cli.top.screen.listing import Item, Listing
from fog_cli.top.screen.state import SPANS, VIEWS, Chosen, State
from fog_cli.words.paths import parent_of
from fog_cli.words.queries import at, expression, of_node

SHEET: Final = (
    ("/", "search places, nodes, problems, metrics"),
    ("1 … 9", "select a problem"),
    ("↑ ↓, j k", "next and previous row"),
    ("← →", "siblings"),
    ("Enter", "open"),
    ("Backspace", "up"),
    ("g then o n a e m", "overview, nodes, alerts, events, metrics"),
    ("m", "compare places by another metric"),
    ("f", "filter the table"),
    ("o", "sort the table"),
    ("e", "in nodes: those in all states, or those that are not live"),
    ("t", "span of time"),
    ("[ ]", "span earlier, later"),
    ("w", "why a node's number is what it is; of a problem, its place and metric"),
    ("y", "copy PromQL; in nodes: paths"),
    ("c", "copy the page's link; in nodes: the command that a node needs"),
    ("s", "copy the command that silences"),
    ("Space", "pause the list of events"),
    ("?", "keys"),
    ("Esc", "close"),
    ("q", "quit"),
)
_NODE_SORTS: Final = ("", "silence", "path")
_FAR: Final = 20


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a key asks for outside of the screen: load, copy (a text), search (a text), quit."""

    what: str
    text: str = ""


LOAD: Final = Effect("load")
Effects = Sequence[Effect]


def press(state: State, key: str, shown: Listing) -> Effects:
    """Take a key, a character or a name as in "enter"; `shown` is the table that is on the screen."""
    chosen = state.chosen
    chosen.note = ""
    if chosen.typing:
        return _type(state, key, shown)
    if chosen.chord:
        chosen.chord = False
        if key in VIEWS:
            state.go(state.where.path if key != "o" else "", VIEWS[key])
            return [LOAD]
    if key in _MOVES and shown.items:
        last = shown.size - 1
        chosen.row = max(0, min(last, min(chosen.row, last) + _MOVES[key]))
        return _more(state, shown)
    if key.isdigit() and key != "0":
        known = any(one.number == int(key) for one in state.problems)
        chosen.problem = int(key) if known and chosen.problem != int(key) else 0
        return []
    action = _ACTIONS.get(key)
    return action(state, shown) if action is not None else []


_MOVES: Final = {
    "down": 1,
    "j": 1,
    "up": -1,
    "k": -1,
    "pagedown": _FAR,
    "pageup": -_FAR,
    "home": -(10**9),
    "end": 10**9,
}


def _more(state: State, shown: Listing) -> Effects:
    """Ask for other rows when an end of those that are there is near, and there are more."""
    row, first, end = state.chosen.row, shown.first, shown.first + len(shown.items)
    if state.where.view == "events":
        answer = state.answers.events
        return [LOAD] if answer is not None and answer["next"] is not None and row > end - _FAR else []
    is_near = (first > 0 and row < first + _FAR) or (end < shown.size and row > end - _FAR)
    return [LOAD] if state.where.view == "nodes" and is_near else []


def _item(state: State, shown: Listing) -> Item | None:
    return shown.at(max(0, min(state.chosen.row, shown.size - 1))) if shown.items else None


def _open(state: State, shown: Listing) -> Effects:
    problem = state.problem if state.where.view == "overview" else None
    if problem is not None:
        if problem.metric:
            state.where.metric = problem.metric
        state.go(problem.path)
        return [LOAD]
    return _into(state, _item(state, shown))


def _into(state: State, item: Item | None) -> Effects:
    if item is None:
        return []
    if item.metric:
        state.where.metric = item.metric
        path = state.where.path
        if not state.is_node:
            state.go(path)
        return [LOAD]
    if item.path != state.where.path or state.where.view != "overview":
        state.go(item.path.strip())
        return [LOAD]
    return []


def _up(state: State, shown: Listing) -> Effects:
    del shown
    if state.where.view == "overview":
        state.go(parent_of(state.where.path))
    else:
        state.go(state.where.path)
    return [LOAD]


def _beside(step: int) -> Callable[[State, Listing], Effects]:
    """Return what goes to the next or the previous sibling, among the children that the parent had."""
    return lambda state, shown: [Effect("beside", str(step))] if state.where.path and shown is not None else []


def _begin(what: str) -> Callable[[State, Listing], Effects]:
    def begin(state: State, shown: Listing) -> Effects:
        del shown
        state.chosen.typing = what
        state.chosen.typed = state.chosen.filter if what == "filter" else ""
        state.answers.hits = ()
        if what != "filter":
            state.chosen.row = 0
        return []

    return begin


def _type(state: State, key: str, shown: Listing) -> Effects:
    """Take a key while somebody types: it is no command."""
    chosen = state.chosen
    if key == "escape":
        chosen.typing, chosen.typed = "", ""
        return []
    if key == "enter":
        typing, chosen.typing = chosen.typing, ""
        return [LOAD] if typing == "filter" else _into(state, _item(state, shown))
    if key in {"up", "down"} and shown.items:
        chosen.row = max(0, min(len(shown.items) - 1, chosen.row + _MOVES[key]))
        return []
    if key == "backspace":
        chosen.typed = chosen.typed[:-1]
    elif len(key) == 1:
        chosen.typed += key
    else:
        return []
    chosen.row = 0
    if chosen.typing == "filter":
        chosen.filter = chosen.typed
        return [LOAD] if state.where.view == "nodes" else []
    return [Effect("search", chosen.typed)] if chosen.typing == "search" else []


def _sort(state: State, shown: Listing) -> Effects:
    del shown
    orders = _NODE_SORTS if state.where.view == "nodes" else SORTS
    state.chosen.row = 0 if state.where.view == "nodes" else state.chosen.row
    if state.where.view in {"overview", "nodes"}:
        state.chosen.sort = orders[(orders.index(state.chosen.sort) + 1) % len(orders)]
    return [LOAD] if state.where.view == "nodes" else []


def _span(state: State, shown: Listing) -> Effects:
    del shown
    names = list(SPANS)
    state.where.span, state.where.until = names[(names.index(state.where.span) + 1) % len(names)], 0.0
    return [LOAD]


def _shift(step: int) -> Callable[[State, Listing], Effects]:
    """Return what moves the span by half of itself; at its end it follows the present again."""

    def shift(state: State, shown: Listing) -> Effects:
        del shown
        where, now = state.where, (state.link.status or {}).get("now", 0.0)
        end = (where.until or now) + step * SPANS[where.span] / 2
        where.until = end if 0 < end < now else 0.0
        return [LOAD]

    return shift


def _why(state: State, shown: Listing) -> Effects:
    """Say why a node's number is what it is; of a problem, go to its place and its metric."""
    problem = state.problem if state.where.view == "overview" else None
    if problem is not None and problem.metric:
        return _open(state, shown)
    if state.where.view != "overview" or not state.is_node:
        return []
    item = _item(state, shown)
    if not state.chosen.why and item is not None and item.metric:
        state.where.metric = item.metric
    state.chosen.why, state.chosen.row = not state.chosen.why, 0
    return [LOAD]


def _every(state: State, shown: Listing) -> Effects:
    del shown
    if state.where.view != "nodes":
        return []
    state.chosen.every, state.chosen.row = not state.chosen.every, 0
    return [LOAD]


def _pause(state: State, shown: Listing) -> Effects:
    del shown
    state.chosen.paused = state.where.view == "events" and not state.chosen.paused
    return [] if state.chosen.paused else [LOAD]


def _copy_query(state: State, shown: Listing) -> Effects:
    if state.where.view == "nodes":
        return _copy(state, "\n".join(item.path for item in shown.items))
    if state.problem is not None:
        return _copy(state, state.problem.query)
    metric = state.metric()
    where = of_node(state.where.path) if state.is_node else at(state.where.path)
    return _copy(state, expression(metric, where, window=state.window) if metric is not None else "")


def _copy_link(state: State, shown: Listing) -> Effects:
    item = _item(state, shown)
    if state.where.view == "nodes" and item is not None:
        return _copy(state, item.command or f"fog tree {shlex.quote(item.path)}")
    where, query = state.where, list[str]()
    if where.view != "overview":
        query.append(f"view={where.view}")
    if where.until:
        query += [f"from={where.until - SPANS[where.span]:.0f}", f"to={where.until:.0f}"]
    elif where.span != "1h":
        query.append(f"t={where.span}")
    if where.metric:
        query.append(f"m={where.metric}")
    text = f"{state.link.url}/#/{quote(where.path)}"
    return _copy(state, text + (f"?{'&'.join(query)}" if query else ""))


def _copy_silence(state: State, shown: Listing) -> Effects:
    del shown
    problem = state.problem
    path = (problem.path if problem else "") or state.where.path or "fog"
    alert = str(problem.answer.get("alert", "")) if problem else ""
    matchers = f"alertname={shlex.quote(alert)}" if alert else "'alertname=~.+'"
    return _copy(state, f"fog silence add {matchers} --path {shlex.quote(path)} --duration 1h --comment '…'")


def _copy(state: State, text: str) -> Effects:
    state.chosen.note = f"copied: {' '.join(text.splitlines())}" if text else "nothing to copy here"
    return [Effect("copy", text)] if text else []


def _close(state: State, shown: Listing) -> Effects:
    del shown
    had_filter, row = state.chosen.filter, state.chosen.row
    state.chosen = Chosen(row=row, sort=state.chosen.sort, every=state.chosen.every)
    return [LOAD] if had_filter else []


def _sheet(state: State, shown: Listing) -> Effects:
    del shown
    state.chosen.sheet = not state.chosen.sheet
    return []


def _chord(state: State, shown: Listing) -> Effects:
    del shown
    state.chosen.chord = True
    return []


def _quit(state: State, shown: Listing) -> Effects:
    del state, shown
    return [Effect("quit")]


_ACTIONS: Final[Mapping[str, Callable[[State, Listing], Effects]]] = {
    "enter": _open,
    "backspace": _up,
    "left": _beside(-1),
    "right": _beside(1),
    "g": _chord,
    "/": _begin("search"),
    "f": _begin("filter"),
    "m": _begin("metric"),
    "o": _sort,
    "t": _span,
    "[": _shift(-1),
    "]": _shift(1),
    "w": _why,
    "e": _every,
    " ": _pause,
    "y": _copy_query,
    "c": _copy_link,
    "s": _copy_silence,
    "?": _sheet,
    "escape": _close,
    "q": _quit,
}
