"""`fog events --follow` after a gap: what is missed is asked for until it can be had."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fog_cli.api import ApiSettings
from fog_cli.commands.look.events import Settings
from fog_cli.errors import AnswerError, CommandError
from fog_cli.live import events
from fog_cli.live.following import Following
from tests.cli.look.test_following import Answer

BUSY = AnswerError("busy", 503)


def told(kind: str, data: Any) -> bytes:
    """Return a message of the stream."""
    return f"id: a-1\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def event(number: int) -> dict[str, Any]:
    """Return an event that was received so many seconds after 1000."""
    return {"path": "fog", "epoch": 1, "number": number, "name": "step", "received": 1000.0 + number}


STATUS, GAP = told("status", {"now": 1000.5}), told("gap", {"reason": "it began anew"})
SKIPPED = told("skipped", {"kind": "event", "number": 9})


class Aggregator:
    """An aggregator whose stream is made up; its list answers with what is given, in turn."""

    url = "http://fog"

    def __init__(self, stream: bytes, *lists: list[int] | CommandError) -> None:
        self.stream = stream
        self.lists = list(lists)
        self.since: list[float | None] = []

    def open(self, *_: Any, **__: Any) -> Answer:
        """Answer with the stream."""
        return Answer(self.stream)

    def json(self, _: str, query: dict[str, Any]) -> dict[str, Any]:
        """Answer with events."""
        self.since.append(round(query["since"], 3) if "since" in query else None)
        answer = self.lists.pop(0)
        if isinstance(answer, CommandError):
            raise answer
        return {"events": [event(number) for number in answer], "next": None}

    def say_missing(self, _: str) -> None:
        """Say nothing: no part is missing."""


def followed(api: Aggregator, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Follow one connection; the numbers of the events that come."""
    given: Any = api
    monkeypatch.setattr(events, "Following", lambda api, path: Following(api, path, lambda _: False))
    found = events.coming(Settings(api=ApiSettings()), given, {})
    return [one["number"] for one in found]


@pytest.mark.parametrize("hole", [GAP, SKIPPED], ids=["gap", "skipped"])
@pytest.mark.parametrize("error", [BUSY, CommandError("no aggregator answers")], ids=["503", "silent"])
def test_what_is_missed_comes_later(
    hole: bytes, error: CommandError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors end nothing and are said once; an event or a gap in between moves no moment that is asked from."""
    stream = STATUS + hole + told("event", event(5)) + STATUS + hole + STATUS + STATUS
    api = Aggregator(stream, [1], error, error, error, [1, 2, 3, 4, 5, 6])
    assert followed(api, monkeypatch) == [1, 5, 2, 3, 4, 6]
    assert api.since == [None, *[1001.0] * 4]
    said = capsys.readouterr().err
    assert said == f"fog events: what was missed comes later ({error}); trying again\n"


def test_a_refusal_for_good_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that was taken away."""
    with pytest.raises(AnswerError, match="401"):
        followed(Aggregator(STATUS + GAP, [1], AnswerError("401", 401)), monkeypatch)


def test_a_gap_before_any_event_asks_from_the_beginning_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older events were never to be printed."""
    api = Aggregator(STATUS + GAP, [], [7])
    assert followed(api, monkeypatch) == [7]
    assert api.since == [None, 1000.5]
