"""Query parameters: each described once, for the check and for the OpenAPI document alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from fog_aggregator.core.events.newest import Mark, format_mark
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.network import NetworkCollector
from fog_aggregator.notifications.silences import MAX_SILENCES
from fog_aggregator.path_costs import COSTS
from fog_aggregator.query.inventory import RETIRED_STATE
from fog_aggregator.query.listing.finding import ORDERS
from fog_schema.errors import PathError
from fog_schema.limits import MAX_TOKENS
from fog_schema.paths import RETIRED, Path, format_path, is_under, parse_path

MOST_LISTED: Final = 10_000
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_NUMBER: Final = 64
SORTS: Final = (*ORDERS, *COSTS)
STATES: Final = (*(life.label for life in Life), RETIRED_STATE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter.

    Attributes:
        name: the name in the query.
        description: its meaning, for the OpenAPI document and for errors.
        schema: of its text, as OpenAPI says it.
        parse: makes the value from the text; raises ValueError with a line for people.
        default: the value when it is left out.
        required: whether it may not be.
        most: how often it may be given; the value of one that may be given more than once is a tuple.
        alias: another name for it.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Any]
    default: Any = None
    required: bool = False
    most: int = 1
    alias: str = ""


def read_query(
    request: web.Request, parameters: Iterable[Parameter], form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the values of a request's parameters: those of its address, and of its form where there is one.

    Raises:
        HTTPBadRequest: for an unknown, repeated, missing or malformed one, in one line.
    """
    known = {parameter.name: parameter for parameter in parameters}
    aliases = {parameter.alias: parameter.name for parameter in known.values() if parameter.alias}
    given: dict[str, list[str]] = {name: [] for name in known}
    for given_name, text in [*request.query.items(), *(form or {}).items()]:
        if not isinstance(text, str):
            raise web.HTTPBadRequest(text=f"the parameter {given_name[:80]!r} is a file, and no text")
        name = aliases.get(given_name, given_name)
        if name not in known:
            offered = ", ".join(known) or "none"
            raise web.HTTPBadRequest(text=f"unknown parameter {given_name[:80]!r}; {request.path} knows: {offered}")
        given[name].append(text)
    return {name: _value(known[name], texts) for name, texts in given.items()}


def _value(parameter: Parameter, texts: list[str]) -> Any:
    name, most = parameter.name, parameter.most
    if len(texts) > most:
        often = "more than once" if most == 1 else f"{len(texts)} times: ask for at most {most} at once"
        raise web.HTTPBadRequest(text=f"the parameter {name!r} is given {often}")
    if not texts:
        if parameter.required:
            raise web.HTTPBadRequest(text=f"the parameter {name!r} is missing: {parameter.description}")
        return parameter.default
    values = []
    for text in texts:
        try:
            values.append(parameter.parse(text))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{name}={text[:80]!r}: {error}") from None
    return values[0] if most == 1 else tuple(values)


def under_a_branch(network: NetworkCollector, path: Path) -> str:
    """Say why nothing is known of a path that lies under a branch, or is one that nobody reads; empty for any other."""
    above, name = network.branch_over(path), format_path(path)
    if above is not None:
        return f"{name} lies under the branch {format_path(above)}: what is there, its own aggregator knows"
    for branch, _ in network.unread.under(path[:1]):
        if is_under(path, branch):
            return f"no aggregator reads the branch {format_path(branch)}: its nodes are in no number"
    return ""


def _path(text: str) -> Path:
    """Return a path; also that of a group of retired nodes."""
    body = text.strip("/")
    home, slash, last = body.rpartition("/")
    try:
        return (*parse_path(home), RETIRED) if slash and last == RETIRED else parse_path(text)
    except PathError as error:
        raise ValueError(str(error)) from None


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high} is needed")
        return int(text)

    return parse


def number(text: str) -> float:
    """Read a decimal number; NaN for anything else, also for what only Python reads: `1_000`, ` 7`, `٣`, `nan`."""
    return float(text) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else math.nan


def _seconds(text: str) -> float:
    seconds = number(text)
    if not math.isfinite(seconds):
        raise ValueError("unix seconds are needed, as in 1700000000.5")
    return seconds


def _mark(text: str) -> Mark:
    moment, _, rest = text.partition("/")
    epoch, _, rest = rest.partition("/")
    count, _, where = rest.partition("/")
    try:
        mark = Mark(_seconds(moment), int(epoch, 16), int(count), parse_path(where))
    except ValueError:
        mark = None
    if mark is None or format_mark(mark) != text:
        raise ValueError("the `next` of an answer is needed, as it was")
    return mark


def _state(text: str) -> str:
    if text not in STATES:
        raise ValueError(f"a state is one of {', '.join(STATES)}")
    return text


def _sort(text: str) -> str:
    if text not in SORTS:
        raise ValueError(f"nodes are sorted by one of {', '.join(SORTS)}")
    return text


def _text(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _number(name: str, description: str, low: int, high: int, default: int | None = None) -> Parameter:
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(
        name, description, schema if default is None else schema | {"default": default}, _integer(low, high), default
    )


_PATH_SCHEMA: Final = {"type": "string", "example": "fog/0/3"}

PATH: Final = Parameter("path", "only what is at and under this path", _PATH_SCHEMA, _path, ())
LEVEL: Final = _number("level", "one group for each path cut to level + 1 tokens", 0, MAX_TOKENS - 1)
NODE: Final = Parameter("node", "only this node's own values, without what lies under it", _PATH_SCHEMA, _path)
NAME: Final = Parameter("name", "only what is called so", {"type": "string"}, _text)
METRIC: Final = Parameter("name", "the metric's name", {"type": "string"}, _text, required=True)
SINCE: Final = Parameter(
    "since", "only what was received after this moment, unix seconds", {"type": "number"}, _seconds
)
UNTIL: Final = Parameter("until", "only what was received before this moment", {"type": "number"}, _seconds)
STATE: Final = Parameter(
    "state",
    "only nodes in this state, or in one of several",
    {"type": "string", "enum": list(STATES)},
    _state,
    (),
    most=len(STATES),
)
SORT: Final = Parameter(
    "sort",
    "path order, the worst first and then the longest silent, the longest silent first, or the costliest first",
    {"type": "string", "enum": list(SORTS), "default": "path"},
    _sort,
    "path",
)
DEPTH: Final = _number("depth", "how many levels below the path to show", 0, MAX_TOKENS, 3)
LIMIT: Final = _number("limit", "how many at most", 0, MOST_LISTED, 100)
SILENCES: Final = _number("limit", "how many at most: a fleet has no more", 0, MAX_SILENCES, MAX_SILENCES)
BEFORE: Final = Parameter("before", "only what was listed before: the `next` of a page", {"type": "string"}, _mark)
OFFSET: Final = _number("offset", "how many to leave out before the first", 0, 1_000_000_000, 0)
EVENTS: Final = (PATH, NAME, SINCE, UNTIL, LIMIT, BEFORE)
