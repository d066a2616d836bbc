"""The client of the commands, against servers that are no aggregators."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fog_cli.api import Api
from fog_cli.errors import AnswerError, CommandError


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
