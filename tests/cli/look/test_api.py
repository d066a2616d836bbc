"""The client of the commands, against servers that are no aggregators."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fog_cli.api import Api, without_login
from fog_cli.errors import AnswerError, CommandError, UsageError


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
    for run, flag in ((lambda: Api(address), "--api"), (lambda: without_login(address, "--url"), "--url")):
        with pytest.raises(UsageError) as raised:
            run()
        assert str(raised.value).startswith(f"{flag}: not an address: write https://NAME:SECRET@HOST:PORT")
        assert "s3" not in str(raised.value)
        assert "cret@" not in str(raised.value)


def test_a_login_with_escaped_signs() -> None:
    """It is decoded, and stands apart from the address."""
    url, headers = without_login("http://ad%40min:s3%23%2F%3F%5B@127.0.0.1:1/fog")
    assert url == "http://127.0.0.1:1/fog"
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"ad@min:s3#/?["
