"""Three programs that do not know the SDK: one sends statsd, one shows a page to scrape, one is run by cron.

Each works on a thread of its own and keeps its own book, which the demo's end is held against.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Protocol

from fog_cli.actions.books import Book

STATSD_EVERY: Final = 0.2
CRON_EVERY: Final = 2.0
"""Seconds between two handfuls of lines, and between two runs of the job."""
PAGE_EVERY: Final = 0.5
"""The least of seconds between two readings of the page: on a busy machine one takes its time."""
SHOPS: Final = ("berlin", "lisbon", "tokyo")
REPORT: Final = "sleep 0.05; test $(($1 % 5)) != 4 || { echo 'no rows' >&2; exit 1; }"
"""The job of cron: one run in five fails."""


class Program(Protocol):
    """A program, and how an agent reads it.

    Attributes:
        name: the last token of its place in the tree.
        tables: the file of sources of its agent.
        shows: names that its agent must have read before it counts, as the first reading of a total is a baseline.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - above
    @property
    def tables(self) -> Mapping[str, Any]: ...  # noqa: D102 - above
    @property
    def shows(self) -> Collection[str]: ...  # noqa: D102 - above

    def start(self) -> None:
        """Begin to work; its agent listens by now."""

    def stop(self) -> None:
        """Count no more, and show until `close` what was counted."""

    def close(self) -> None:
        """End."""

    def book(self) -> Book:
        """Return what it has counted by its own account, by the names that the aggregator has."""


class _Work(threading.Thread):
    """Calls a function again and again until it is stopped."""

    def __init__(self, name: str, work: Any, every: float) -> None:
        super().__init__(name=f"fog demo {name}", daemon=True)
        self._work = work
        self._every = every
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            self._work()
            self._stopping.wait(self._every)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


class StatsdProgram:
    """Takes orders, and tells them as a client of DogStatsD does, over a unix datagram socket."""

    name = "statsd"
    shows = ()

    def __init__(self, directory: Path, seed: int) -> None:
        path = str(directory / "statsd.sock")
        self.tables = {"statsd": [{"name": "shop", "listen": [f"unix:{path}"], "dialect": "dogstatsd"}]}
        self._path = path
        self._random = random.Random(seed)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._work = _Work(self.name, self._take_orders, STATSD_EVERY)
        self._orders = 0

    def start(self) -> None:
        """Connect, and take orders."""
        self._socket.connect(self._path)
        self._work.start()

    def stop(self) -> None:
        """Take no more orders."""
        self._work.stop()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def book(self) -> Book:
        """Return the orders that were told, and how often it was told how long one took."""
        return {"shop_orders_total": self._orders, "shop_order_seconds_count": self._orders}

    def _take_orders(self) -> None:
        for _ in range(self._random.randint(1, 8)):
            shop, took = self._random.choice(SHOPS), self._random.lognormvariate(3.5, 0.7)
            self._socket.send(f"shop.orders:1|c|#shop:{shop}\nshop.order:{took:.3f}|ms|#shop:{shop}\n".encode())
            self._orders += 1
        self._socket.send(b"shop.basket:%d|g" % self._random.randint(0, 40))


class ExporterProgram:
    """Answers requests, and shows how many on a page in the text format, on a port of its own."""

    name = "exporter"
    shows = ("web_requests_total",)

    def __init__(self, seed: int, interval: float) -> None:
        self._random = random.Random(seed)
        self._requests = dict.fromkeys(("200", "404", "500"), 0)
        self._work = _Work(self.name, self._answer_requests, STATSD_EVERY)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.page().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/metrics"
        self.tables = {"scrape": [{"name": "web", "url": self.url, "interval": max(interval, PAGE_EVERY)}]}
        threading.Thread(target=self._server.serve_forever, name="fog demo page", daemon=True).start()

    def start(self) -> None:
        """Answer requests: its page was read by now, with zeros."""
        self._work.start()

    def stop(self) -> None:
        """Answer no more requests."""
        self._work.stop()

    def close(self) -> None:
        """Show no page any more."""
        self._server.shutdown()
        self._server.server_close()

    def book(self) -> Book:
        """Return how many requests it has answered."""
        return {"web_requests_total": sum(self._requests.values())}

    def page(self) -> str:
        """Return its page."""
        lines = ["# HELP web_requests_total Requests by their code", "# TYPE web_requests_total counter"]
        lines += [f'web_requests_total{{code="{code}"}} {count}' for code, count in self._requests.items()]
        return "\n".join([*lines, ""])

    def _answer_requests(self) -> None:
        for code, most in (("200", 20), ("404", 2), ("500", 1)):
            self._requests[code] += self._random.randint(0, most)


class CronProgram:
    """Runs a job at an interval, as a line `* * * * * fog run --name report -- COMMAND` of a crontab does."""

    name = "cron"
    shows = ()

    def __init__(self, directory: Path) -> None:
        where = {"socket": str(directory / "jobs.sock"), "spool": str(directory / "spool")}
        self.tables = {"jobs": where}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FOG_", "NATS_"))}
        self._environ = inherited | {"FOG_SOCKET": where["socket"], "FOG_SPOOL": where["spool"]}
        self._work = _Work(self.name, self._run, CRON_EVERY)
        self._runs = 0

    def start(self) -> None:
        """Run the job for the first time, and then at each interval."""
        self._work.start()

    def stop(self) -> None:
        """Run it no more; a run that is under way is waited for."""
        self._work.stop()

    def close(self) -> None:
        """Nothing is left to be done."""

    def book(self) -> Book:
        """Return how many runs have ended."""
        return {"job_runs_total": self._runs, "job_duration_seconds_count": self._runs}

    def _run(self) -> None:
        job = [sys.executable, "-m", "fog_cli", "run", "--name", "report", "--tail", "--"]
        subprocess.run(
            [*job, "sh", "-c", REPORT, "report", str(self._runs)],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the demo's: the run that is under way ends in good order
            check=False,
        )
        self._runs += 1
