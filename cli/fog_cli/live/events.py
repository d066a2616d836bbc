"""The work of `fog events`: the newest events, and those that come."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fog_cli.api import Api
from fog_cli.commands.look.events import Settings
from fog_cli.errors import AnswerError, CommandError
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
    api.say_missing("fog events")
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
        for event in coming(settings, api, query):
            print(json.dumps(event) if settings.json else line_of(event, paint), flush=True)
    except KeyboardInterrupt:  # how it ends
        return 0
    return 0


def coming(settings: Settings, api: Api, query: Mapping[str, object]) -> Iterator[Event]:
    """Return the newest events, then each that comes, once; after a gap those that were missed."""
    printed, hole = Printed(), Hole(api, query)
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
            newest = pages.events(api, query, settings.limit)["events"]
            api.say_missing("fog events")
            yield from printed.new(newest)
        if message.kind == "gap" or (message.kind == "skipped" and message.data["kind"] == "event"):
            hole.open(printed.newest)
            yield from printed.new(hole.filled())
        elif message.kind == "status":
            printed.newest = printed.newest or message.data.get("now", 0.0)  # older ones are not missed
            yield from printed.new(hole.filled())
        elif message.kind == "event" and settings.name in {"", message.data["name"]}:
            yield from printed.new([message.data])


def _missed(api: Api, query: Mapping[str, object], since: float) -> list[Event]:
    """Return the events since a moment, those of the moment too, as far as there are not too many."""
    answer = pages.events(api, {**query, "since": since - 1e-6} if since else query, MOST)
    if answer["next"] is not None:
        print(f"fog events: more than {MOST} were missed: these are the newest", file=sys.stderr, flush=True)
    missed: list[Event] = answer["events"]
    return missed


class Hole:
    """The events that were missed: asked for after a gap, and again with each status while that fails.

    Args:
        api: The aggregator.
        query: Which events.
    """

    def __init__(self, api: Api, query: Mapping[str, object]) -> None:
        self._api = api
        self._query = query
        self._since: float | None = None
        self._has_failed = False

    def open(self, since: float) -> None:
        """Note that events since a moment are missed; those of an earlier hole, which is open yet, too."""
        self._since = since if self._since is None else self._since

    def filled(self) -> list[Event]:
        """Return the missed events; none when there is no hole, or they cannot be had now, which is said once.

        Raises:
            AnswerError: They are refused for good (status 4xx).
        """
        if self._since is None:
            return []
        try:
            missed = _missed(self._api, self._query, self._since)
        except CommandError as error:
            if isinstance(error, AnswerError) and error.status < 500:
                raise
            if not self._has_failed:
                print(f"fog events: what was missed comes later ({error}); trying again", file=sys.stderr, flush=True)
            self._has_failed = True
            return []
        self._since, self._has_failed = None, False
        return missed


class Printed:
    """The events that were printed.

    Attributes:
        newest: When the newest of them was received, or when it was begun; 0 before that is known.
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
    parts = [paint("faint", show_time(event["received"])), paint(kind, SIGNS[kind]), printable(event["path"])]
    parts += [paint("bold", event["name"]), saying(event)]
    return "  ".join(part for part in parts if part)
