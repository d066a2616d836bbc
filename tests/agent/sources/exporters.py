"""A program that shows a page, as a test wants it: over TCP, TLS or a unix socket."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler], None]


def page(text: str, kind: str = "text/plain; version=0.0.4") -> Answer:
    """Answer with a page."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = text.encode()
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


class Exporter:
    """An HTTP server whose answer can be changed.

    Attributes:
        answer: Answers a GET.
        headers: The headers of the last request.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.headers: dict[str, str] = {}

    @contextmanager
    def listening(self, *, unix: Path | None = None, context: ssl.SSLContext | None = None) -> Iterator[int]:
        """Listen on loopback, or on a unix socket; give the port."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.headers = dict(self.headers.items())
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def address_string(self) -> str:
                return "peer"

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_UNIX if unix else socket.AF_INET

            def server_bind(self) -> None:
                self.socket.bind(self.server_address)
                self.server_name, self.server_port = "localhost", 0

            def handle_error(self, *_: object) -> None:
                """Say nothing of clients that went away."""

        server = Server(str(unix) if unix else ("127.0.0.1", 0), Handler)  # type: ignore[arg-type]
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield 0 if unix else server.socket.getsockname()[1]
        finally:
            server.shutdown()
            server.server_close()
            thread.join(40)
