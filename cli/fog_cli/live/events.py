"""The work of `fog events`: the newest events, and those that come."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fog_cli.api import Api
from fog_cli.commands.look.events import Settings
from fog_cli.live import pages
from fog_cli.live.following import Break, Following
from fog_cli.terminal import Paint, show_time
from fog_cli.words.events import kind_of, saying
from fog_cli.words.spark import SIGNS
from fog_cli.words.text import printable

MOST: Final = 10_000
"""Events that are caught up with after a break, and that are known to have been printed."""

Event = Mapping[str, Any]


def events(settings: Settings) -> int:
    """Print events; the exit code."""
    api = Api(settings.api.url)
    query: dict[str, object] = {"path": settings.path, "name": settings.name}
    if settings.since is not None:
        query["since"] = api.json("/api/status")["now"] - settings.since
    if settings.follow:
        return _follow(settings, api, query)
    answer = pages.events(api, query, settings.limit)
    if settings.json:
        print(json.dumps(answer))
        return 0
    paint = Paint()
    for event in answer["events"]:
        print(line_of(event, paint))
    return 0


def _follow(settings: Settings, api: Api, query: Mapping[str, object]) -> int:
    paint = Paint()
    try:
        for event in _coming(settings, api, query):
            print(json.dumps(event) if settings.json else line_of(event, paint), flush=True)
    except KeyboardInterrupt:  # how it ends
        return 0
    return 0


def _coming(settings: Settings, api: Api, query: Mapping[str, object]) -> Iterator[Event]:
    """Return the newest events, then each that comes, once; after a gap those that were missed."""
    printed = Printed()
    has_begun, is_away = False, False
    for message in Following(api, settings.path):
        if isinstance(message, Break):
            if not is_away:
                print(f"fog events: cut off ({message.reason}); trying again", file=sys.stderr, flush=True)
            is_away = True
            continue
        if is_away:
            print("fog events: connected again", file=sys.stderr, flush=True)
            is_away = False
        if not has_begun:  # the stream stands: nothing can come between the list and it
            has_begun = True
            yield from printed.new(pages.events(api, query, settings.limit)["events"])
        if message.kind == "gap" or (message.kind == "skipped" and message.data["kind"] == "event"):
            yield from printed.new(_missed(api, query, printed.newest))
        elif message.kind == "event" and settings.name in {"", message.data["name"]}:
            yield from printed.new([message.data])


def _missed(api: Api, query: Mapping[str, object], since: float) -> list[Event]:
    """Return the events since a moment, those of the moment too, as far as there are not too many."""
    answer = pages.events(api, {**query, "since": since - 1e-6} if since else query, MOST)
    if answer["next"] is not None:
        print(f"fog events: more than {MOST} were missed: these are the newest", file=sys.stderr, flush=True)
    missed: list[Event] = answer["events"]
    return missed


class Printed:
    """The events that were printed.

    Attributes:
        newest: When the newest of them was received; 0 before the first.
    """

    def __init__(self) -> None:
        self.newest = 0.0
        self._known: dict[tuple[object, ...], None] = {}

    def new(self, found: list[Event]) -> Iterator[Event]:
        """Return those that were not printed yet, and remember them."""
        for event in found:
            identity = (event["path"], event["epoch"], event["number"])
            if identity in self._known:
                continue
            self._known[identity] = None
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
            self.newest = max(self.newest, event["received"])
            yield event


def line_of(event: Event, paint: Paint) -> str:
    """Show an event in a line."""
    kind = kind_of(event["name"])
    parts = [paint("faint", show_time(event["received"])), paint(kind, SIGNS[kind]), event["path"]]
    parts += [paint("bold", printable(event["name"])), saying(event)]
    return "  ".join(part for part in parts if part)
