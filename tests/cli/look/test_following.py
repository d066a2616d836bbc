"""The stream of changes, as a client reads it: pieces of messages, breaks, and the way back."""

from __future__ import annotations

import io
import json
from email.message import Message as Headers
from typing import Any

import pytest

from fog_cli.errors import AnswerError, CommandError
from fog_cli.live import messages
from fog_cli.live.following import Break, Following
from fog_cli.live.messages import Message, Messages

STREAM = (
    'retry: 2000\n\nid: a-1\nevent: status\ndata: {"now": 1}\n\nid: a-2\nevent: event\ndata: {"name": "ö"}\n\n'.encode()
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_messages_are_put_together(size: int) -> None:
    """However they are cut, within a character too; a comment or a field that is unknown is nothing."""
    reader = Messages()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    found = [message for piece in pieces for message in reader.feed(piece)]
    assert found == [Message("status", {"now": 1}, "a-1"), Message("event", {"name": "ö"}, "a-2")]


def test_a_stream_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message without an end, or without JSON, is an error and takes no memory."""
    monkeypatch.setattr(messages, "MOST_CHARACTERS", 100)
    with pytest.raises(ValueError, match="longer"):
        list(Messages().feed(b"x" * 101))
    with pytest.raises(json.JSONDecodeError):
        list(Messages().feed(b"data: <html>\n\n"))


class Answer(io.BytesIO):
    """The body of an answer."""

    def __init__(self, body: bytes, kind: str = "text/event-stream") -> None:
        super().__init__(body)
        self.headers = Headers()
        self.headers["Content-Type"] = kind


class Server:
    """An aggregator whose answers are made up: bodies, or errors."""

    url = "http://fog"

    def __init__(self, *answers: bytes | Exception | Answer) -> None:
        self.answers = list(answers)
        self.ids: list[str] = []

    def open(self, path: str, query: Any, *, headers: dict[str, str], timeout: float) -> Answer:
        """Answer once more."""
        assert (path, query, timeout) == ("/api/stream", {"path": "fog"}, 15.0)
        self.ids.append(headers.get("Last-Event-ID", ""))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(answer)

    def silence(self, error: Exception) -> CommandError:
        """Say that nobody answers."""
        return CommandError(f"nobody: {error}")


def followed(server: Any, pauses: int) -> tuple[list[Any], list[float]]:
    """Follow through so many pauses; what was told, and how long each pause was."""
    waits: list[float] = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) < pauses

    return list(Following(server, "fog", pause)), waits


def test_it_goes_on_after_the_last_message() -> None:
    """A stream that ends is opened again at once; pauses grow while nobody answers, and begin anew after a message."""
    server = Server(STREAM, *[CommandError("down")] * 7, STREAM, TimeoutError("slow"), STREAM)
    found, waits = followed(server, 11)
    assert server.ids == ["", *["a-2"] * 10]
    assert waits == [0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 0.1, 1.0, 0.1]
    assert [one.wait for one in found if isinstance(one, Break)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 1.0]
    assert sum(isinstance(one, Message) for one in found) == 6


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([CommandError("down")], "down"),
        ([Answer(b"<html>", "text/html")], "is no stream"),
        ([STREAM, AnswerError("401", 401)], "401"),
        ([TimeoutError("slow")], "nobody: slow"),
    ],
)
def test_what_cannot_work_is_an_error(answers: list[Any], text: str) -> None:
    """The first attempt that fails, and a login that was taken away."""
    with pytest.raises(CommandError, match=text):
        followed(Server(*answers), 9)
