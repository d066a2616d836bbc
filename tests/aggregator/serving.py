"""A fleet behind a real HTTP server, and a client that asks it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.server import WebServer
from fog_aggregator.components.http.status import StreamStatus
from fog_aggregator.notifications.alert_log import AlertLog
from fog_aggregator.notifications.silences import Silence
from fog_aggregator.notifications.silences_json import silence_json
from fog_aggregator.path_costs import PathCost
from fog_aggregator.promql.labels import Labels, Matcher, MatchKind, label
from fog_schema.paths import Path
from tests.aggregator.fleet import Fleet


@dataclass
class FakeStatus:
    """A service that is as ready as a test says."""

    reason: str = ""
    late: int = 0
    unwritten: int = 0
    listed: list[StreamStatus] = field(default_factory=list)
    log: AlertLog | None = None

    def ready(self) -> tuple[bool, str]:
        """Ready without a reason not to be."""
        return not self.reason, self.reason

    def is_connected(self) -> bool:
        """Return that it is."""
        return True

    def is_current(self) -> bool:
        """Return whether it is ready."""
        return self.ready()[0]

    def unread_commands(self) -> dict[str, str]:
        """All are read."""
        return {}

    def lists_events_of_branches(self) -> bool:
        """None are."""
        return False

    def failed_checkpoints(self) -> int:
        """Return as many as a test says."""
        return self.unwritten

    def late_writers(self) -> int:
        """Return as many as a test says."""
        return self.late

    async def reload(self) -> str:
        """Find nothing wrong, unless there is a reason."""
        return self.reason

    def streams(self) -> list[StreamStatus]:
        """As listed."""
        return self.listed

    def memory(self) -> dict[str, object]:
        """Return a mebibyte that is free."""
        return {"limit_bytes": 2**20, "bytes": {"values": 0}, "refused": {"series": 0}}

    def costs(self) -> dict[Path, PathCost]:
        """One path."""
        return {("fog", "1"): PathCost(3, 1000, 0.5, 2)}

    async def silenced_until(self, alerts: Sequence[Labels]) -> list[float]:
        """Return that those called so are, until 5,000."""
        return [5_000.0 if label(labels, "alertname") == "Silenced" else 0.0 for labels in alerts]

    def alert_log(self) -> AlertLog | None:
        """Return what a test has."""
        return self.log

    def pair(self) -> list[dict[str, Any]]:
        """One other, which is ready."""
        return [{"ready": True, "age_seconds": 1.5, "silent": False}]

    def silences(self) -> list[dict[str, Any]]:
        """One, that is over."""
        silence = Silence("a", ("fog",), (Matcher(MatchKind.REGEX, "site", "n.*"),), 0, 1_000, "jo", "why", 0.5)
        return [silence_json(silence, 2_000)]


@dataclass
class Answer:
    """The response."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()


@dataclass
class Served:
    """A fleet, its server, and a client."""

    fleet: Fleet
    status: FakeStatus
    server: WebServer
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server.address
        return f"http://{host}:{port}"

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=named) as response:
            return Answer(response.status, response.headers, await response.read())

    async def json(self, path: str) -> Any:
        """Return the JSON of an answer that must be fine."""
        async with self.session.get(self.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@contextlib.asynccontextmanager
async def serving(fleet: Fleet, **options: Any) -> AsyncIterator[Served]:
    """Return a server on a free port for as long as the body runs; options are WebServer's."""
    status = FakeStatus()
    server = WebServer(make_app(fleet.network, status), ("127.0.0.1", 0), **options)
    await server.start()
    try:
        async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}, auto_decompress=False) as session:
            yield Served(fleet, status, server, session)
    finally:
        await server.stop()


def sample_fleet() -> Fleet:
    """Return a small fleet with some of everything, a label called `path` and inner nodes too."""
    fleet = Fleet()
    for number, path in enumerate(("fog", "fog/0", "fog/0/1", "fog/0/2", "fog/1", "fog/1/1", "fog/1-a")):
        collector = fleet.join(path, version="0.1", os="linux").collector
        requests = collector.register_counter("requests_total", "Requests", ["path"])
        requests.labels("/a").increment(number + 1)
        requests.labels("/b").increment(0.5)
        collector.register_gauge("level", "No choice").set(number)
        collector.register_gauge("health_status", "Health", rollup=("max", "count_values")).set(number % 3)
        collector.register_histogram("wait_seconds", "Waiting", [0.1, 1.0], unit="seconds").observe(0.5)
    fleet.own.register_counter("fog_aggregator_frames_total", "Frames").increment(7)
    fleet.send()
    fleet.event("fog/0/1", "boom", {"why": [1, float("nan")]}, severity="high")
    return fleet
