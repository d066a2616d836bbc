"""Prints the tree as an aggregator knows it: the state of each node, and of what lies below it.

fog tree
fog tree fog/0 --depth 2
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fog_bus.options import option, switch
from fog_bus.options.kinds import PATH, WHOLE
from fog_cli.api import Api, ApiSettings
from fog_cli.config import group
from fog_cli.terminal import Paint, show_coverage
from fog_cli.words.text import printable


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog tree`."""

    path: str = option("", "only this subtree", PATH, positional=True)
    depth: int = option(3, "levels below it", WHOLE)
    json: bool = switch("print the aggregator's answer as it is")
    api: ApiSettings = group(ApiSettings)


def run(settings: Settings) -> int:
    """Print the tree."""
    api, query = Api(settings.api.url), {"path": settings.path, "depth": settings.depth}
    if settings.json:
        print(api.get("/api/tree", query).decode(), end="")
        api.say_missing("fog tree")
        return 0
    root = api.json("/api/tree", query)
    api.say_missing("fog tree")
    paint = Paint()
    print(_line(root, root["path"] or "everything", paint))
    for line in _below(root, "", paint):
        print(line)
    ends = list(_ends(root))
    if root["depth"] < settings.depth and any(map(_has_more, ends)):
        print("fog tree: deeper levels are too many places for one answer: name a path", file=sys.stderr)
    if branches := [end["path"] for end in ends if end.get("branch") and end is not root]:
        name = printable(branches[0])
        print(f"fog tree: what lies below a branch is asked for by its path, as in fog tree {name}", file=sys.stderr)
    return 0


def _ends(place: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the deepest places that are shown."""
    if not place["children"]:
        yield place
    for child in place["children"]:
        yield from _ends(child)


def _has_more(place: Mapping[str, Any]) -> bool:
    """Tell whether nodes lie below a place that the aggregator knows by themselves."""
    known = place["count"] - place["nodes"]["missing"] - place["nodes"]["unread"]
    return bool(known > (1 if place["state"] else 0)) and not place.get("branch")


def _below(place: Mapping[str, Any], indent: str, paint: Paint) -> Iterator[str]:
    children = place["children"]
    for child in children:
        is_last = child is children[-1]
        yield indent + ("└─ " if is_last else "├─ ") + _line(child, child["name"], paint)
        yield from _below(child, indent + ("   " if is_last else "│  "), paint)


def _line(place: Mapping[str, Any], name: str, paint: Paint) -> str:
    """Return a leaf by its state, an inner place by the states below it."""
    state = place["state"]
    own = paint(state, state) if state else ""
    if place["count"] <= (1 if state else 0):
        return f"{printable(name)}  {own}" if own else printable(name)
    below = show_coverage(place["nodes"], paint)
    return f"{paint('bold', name)}  {own + ' · ' if own else ''}{place['count']} nodes: {below}"
