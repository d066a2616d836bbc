"""The client of the commands, against servers that are no aggregators."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from fog_cli.api import Api, without_login
from fog_cli.errors import AnswerError, CommandError, UsageError
from fog_cli.main import run


class Odd(BaseHTTPRequestHandler):
    """Answers what nobody expects."""

    def do_GET(self) -> None:
        """Answer by the address."""
        if self.path == "/breaks":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            return
        if self.path == "/nonsense":
            self.wfile.write(b"SSH-2.0-OpenSSH\r\n")
            return
        body = b"\x1b[2J\nmore" if self.path == "/refuses" else b"<html>"
        self.send_response(502 if self.path == "/refuses" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def odd() -> Iterator[Api]:
    """Provide a client of such a server."""
    with HTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Api(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/page", "is no aggregator: its answer to /page is not JSON"),
        ("/breaks", "no aggregator answers at "),
        ("/nonsense", "no aggregator answers at "),
        ("/refuses", r"says 502 Bad Gateway: \x1b[2J"),
    ],
)
def test_an_odd_answer_is_one_line(odd: Api, path: str, text: str) -> None:
    """It says what is wrong, and nothing in it is obeyed by a terminal."""
    with pytest.raises(CommandError) as raised:
        odd.json(path)
    assert text in str(raised.value)
    assert str(raised.value).isprintable()
    assert isinstance(raised.value, AnswerError) is (path == "/refuses")


SECRET_ADDRESSES = [
    "http://admin:s3#cret@127.0.0.1:1",
    "http://admin:12#s3cret@127.0.0.1:1",
    "http://admin:s3/cret@127.0.0.1:1",
    "http://admin:s3?cret@127.0.0.1:1",
    "http://admin:s3@x/cret@127.0.0.1:1",
    "http://admin:[s3cret@127.0.0.1:1",
    "http://admin:s3cret\udcff@127.0.0.1:1",
    "http://admin:s3cret",
    "admin:s3#cret@127.0.0.1:1",
]


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
def test_an_address_that_is_cut_short_shows_nothing(address: str) -> None:
    """A sign of a secret may end the host too early: the error says how to write it, and has no part of it."""
    for make, flag in ((lambda: Api(address), "--api"), (lambda: without_login(address, "--url"), "--url")):
        with pytest.raises(UsageError) as raised:
            make()
        assert str(raised.value).startswith(f"{flag}: not an address: write https://NAME:SECRET@HOST:PORT")
        assert "s3" not in str(raised.value)
        assert "cret@" not in str(raised.value)


def test_a_login_with_escaped_signs() -> None:
    """It is decoded, and stands apart from the address."""
    url, headers = without_login("http://ad%40min:s3%23%2F%3F%5B@127.0.0.1:1/fog")
    assert url == "http://127.0.0.1:1/fog"
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"ad@min:s3#/?["


class Elsewhere(BaseHTTPRequestHandler):
    """Sends all to another server, or is that server, and notes who logged in."""

    to = ""
    logins: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.logins.append(self.headers["Authorization"])
        self.send_response(302 if self.to else 200)
        self.send_header("Location", self.to + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        """Answer likewise."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("command", [("nodes", "--api"), ("events", "--follow", "--api"), ("query", "up", "--url")])
def test_no_login_follows_a_redirect(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The other server is not asked at all; where it is stands in one line, without a login."""
    Elsewhere.logins = []
    with ExitStack() as stack:
        servers = [stack.enter_context(HTTPServer(("127.0.0.1", 0), Elsewhere)) for _ in range(2)]
        servers[0].RequestHandlerClass = type(
            "First", (Elsewhere,), {"to": f"http://you:hush@127.0.0.1:{servers[1].server_port}"}
        )
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        assert run([*command, f"http://me:secret@127.0.0.1:{servers[0].server_port}"], {}) == 1
    assert len(Elsewhere.logins) == 1
    said = capsys.readouterr().err
    assert f"sends to http://…@127.0.0.1:{servers[1].server_port}/api/" in said
    assert said.count("\n") == 1
    assert "hush" not in said
