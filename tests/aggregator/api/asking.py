"""An aggregator's API over samples of a test's own, behind a real server, and a client that asks it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from fog_aggregator.components.http.access.exposure import NOT_EXPOSED, Exposure
from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.past.keys import PastApi
from fog_aggregator.components.http.prometheus.options import QueryOptions
from fog_aggregator.components.http.prometheus.places import TreePlaces
from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus
from fog_aggregator.components.http.prometheus.queries import Queries
from fog_aggregator.components.http.prometheus.route import Api
from fog_aggregator.components.http.server import WebServer
from fog_aggregator.history.routing import Level, View
from fog_aggregator.promql import MemoryStorage, Selection, SeriesStorage
from fog_aggregator.promql.labels import Labels, Matcher
from tests.aggregator.fleet import Fleet
from tests.aggregator.serving import Answer, FakeStatus, sample_fleet

NOW = 1_700_000_000.0


@dataclass
class FakeRules:
    """Rules as a test says."""

    groups: Sequence[GroupStatus] = ()
    active: Sequence[AlertStatus] = ()

    def rules(self) -> Sequence[GroupStatus]:
        """As said."""
        return self.groups

    def alerts(self) -> Sequence[AlertStatus]:
        """As said."""
        return self.active


class KeptView:
    """A source that keeps the past of one view, as a storage has it."""

    def __init__(self, view: View, storage: MemoryStorage) -> None:
        self._view, self._storage = view, storage
        self.oldest, self.newest = storage.oldest, storage.newest

    def holds(self, view: View) -> bool:
        """Tell whether it is this view; of a level, whatever its paths."""
        if isinstance(view, Level) and isinstance(self._view, Level):
            return view.level == self._view.level
        return view == self._view

    def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find series."""
        return self._storage.select([*matchers, *_of_paths(view)], start, end)

    def series(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List series."""
        return self._storage.series([*matchers, *_of_paths(view)], start, end)


def _of_paths(view: View) -> Sequence[Matcher]:
    return view.path_matchers if isinstance(view, Level) else ()


@dataclass
class Asked:
    """A served API."""

    url: str
    session: aiohttp.ClientSession
    status: FakeStatus
    rules: FakeRules
    queries: Queries
    server: WebServer
    fleet: Fleet

    async def ask(
        self, path: str, method: str = "GET", form: Any = None, body: bytes | None = None, **headers: str
    ) -> Answer:
        """One request; a form is posted, unless the method is another one."""
        data: Any = body
        if form is not None:
            data, method = urlencode(form, doseq=True).encode(), "POST" if method == "GET" else method
            headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, data=data, headers=named) as response:
            return Answer(response.status, response.headers, await response.read())

    async def data(self, path: str, form: Any = None) -> Any:
        """Return the data of an answer that must be a success."""
        answer = await self.ask(f"/api/v1/{path}", form=form)
        assert answer.status == 200, answer.text
        found = json.loads(answer.body)
        assert found["status"] == "success"
        return found["data"]

    async def error(self, path: str, form: Any = None) -> tuple[int, str, str]:
        """Return the status, the type and the text of an answer that must be an error."""
        answer = await self.ask(f"/api/v1/{path}", form=form)
        assert answer.headers["Content-Type"].startswith("application/json"), answer.text
        found = json.loads(answer.body)
        assert found["status"] == "error"
        return answer.status, found["errorType"], found["error"]


@contextlib.asynccontextmanager
async def asking(
    storage: SeriesStorage,
    *,
    now: float = NOW,
    exposure: Exposure = NOT_EXPOSED,
    past: PastApi | None = None,
    **limits: Any,
) -> AsyncIterator[Asked]:
    """Serve the API on a free port for as long as the body runs, beside a small fleet; limits are QueryOptions'."""
    fleet, status, rules = sample_fleet(), FakeStatus(), FakeRules()
    queries = Queries(storage, QueryOptions(**limits), lambda: now, status.ready, fleet.own)
    api = Api(queries, TreePlaces(fleet.network), rules)
    server = WebServer(make_app(fleet.network, status, api, past, exposure=exposure), ("127.0.0.1", 0))
    await server.start()
    host, port = server.address
    try:
        async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}, auto_decompress=False) as session:
            yield Asked(f"http://{host}:{port}", session, status, rules, queries, server, fleet)
    finally:
        await queries.stop(0)
        await server.stop()
