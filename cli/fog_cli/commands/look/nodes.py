"""Prints nodes, one a line: state, place, how long it is away, and the command that it needs.

  fog nodes
  fog nodes fog/0 --state stale,departed
  fog nodes --match 'r0*/n1 version=2.*'
  fog nodes --sort cpu_seconds --limit 10

The worst come first: departed, missing, unread, quarantined, stale, ended, live, and then the longest silent. --match
has words, all of them must be true: part of a path, or what a node tells of itself, as in role=edge; * is anything.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import PATH, TEXT, WHOLE, Kind, choice
from fog_cli.api import Api, ApiSettings
from fog_cli.config import group
from fog_cli.live import pages
from fog_cli.terminal import Paint
from fog_cli.words.nodes import COSTS, SORTS, STATES, node_table
from fog_cli.words.numbers import count


def _states(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(part in STATES for part in parts):
        raise ValueError(f"must be of {', '.join(STATES)}, with commas between several")
    return tuple(parts)


STATE: Final = Kind("STATE[,STATE]", _states, unset=())
ALL: Final = tuple(state for state in STATES if state != "retired")


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog nodes`."""

    path: str = option("", "only at and under this path", PATH, positional=True)
    state: tuple[str, ...] = option((), "only nodes in these states: live, stale, departed, ended, …", STATE)
    sort: str = option("worst", "the order", choice(*SORTS))
    match: str = option("", "only nodes that these words are true of", TEXT)
    limit: int = option(1000, "at most so many", WHOLE)
    json: bool = switch("print one JSON document")
    api: ApiSettings = group(ApiSettings)


def run(settings: Settings) -> int:
    """Print the nodes."""
    query = {
        "path": settings.path,
        "state": settings.state or ALL,
        "sort": settings.sort,
        "q": settings.match,
    }
    api = Api(settings.api.url)
    answer = pages.nodes(api, query, settings.limit)
    api.say_missing("fog nodes")
    if settings.json:
        print(json.dumps(answer))
        return 0
    paint = Paint()
    for line in node_table(answer["nodes"], time.time(), settings.sort if settings.sort in COSTS else ""):
        print(paint.line(line))
    shown, total = len(answer["nodes"]), answer["total"]
    if shown < total:
        print(f"fog nodes: the first {count(shown)} of {count(total)}: --limit says how many", file=sys.stderr)
    elif not total:
        print("fog nodes: no node is found", file=sys.stderr)
    return 0
