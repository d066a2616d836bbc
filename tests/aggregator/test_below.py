"""Questions about places below a branch are answered by its own aggregator, whatever that one does.

With real aggregators, agents and a real nats-server; where a branch's aggregator misbehaves, a server of the test
stands at the address that it tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import aiohttp
import pytest
from aiohttp import web

from fog_agent import Agent
from fog_aggregator.components.below import asking
from fog_aggregator.components.http.access.credentials import Credential, line_of, new_token
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running, serving, serving_all, total
from utilityfog_frontend.telemetry import TelemetryCollector

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
NODES = {"fog": 1, "fog/0/a": 2, "fog/0/b/c": 4, "fog/1/a": 8, "fog/1/b": 16}
HANDLER = Callable[[web.Request], Awaitable[web.StreamResponse]]


def branch(server: NatsServer, path: str, port: int, **others: object) -> AggregatorConfig:
    """Return the settings of a branch's aggregator, which tells where it listens."""
    given: dict[str, object] = {"http_advertise": f"http://127.0.0.1:{port}", "listen": ("127.0.0.1", port)}
    return config(server, path=tuple(path.split("/")), publish_rollup=True, rollup_interval=0.2, **(given | others))


@contextlib.asynccontextmanager
async def nodes(server: NatsServer) -> AsyncIterator[None]:
    """Run a node at each path; what they counted is known."""
    async with contextlib.AsyncExitStack() as stack:
        for path, count in NODES.items():
            collector = TelemetryCollector(self_metrics=False)
            collector.register_counter("work_total", "Work").increment(count)
            collector.register_histogram("wait", "Waiting", (1.0, 2.0)).observe(count)
            agent = await stack.enter_async_context(Agent(collector, path=path, servers=server.url, interval=0.2))
            assert await agent.flush()
        yield


@dataclass
class Asked:
    """An answer."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def work(self) -> dict[str, float]:
        """The counts by place."""
        lines = re.findall(r"^work_total(?:\{(.*)\})? (\S+)$", self.text, re.MULTILINE)
        return {"".join(re.findall(r'fog_path="([^"]*)"', labels)): float(value) for labels, value in lines}


async def ask(aggregator: Aggregator, path: str, **headers: str) -> Asked:
    """Ask one over HTTP."""
    host, port = aggregator.web.address
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    url = f"http://{host}:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=given) as answer:
        return Asked(answer.status, await answer.text(), dict(answer.headers))


def token(name: str, shows: tuple[str, ...] = ()) -> tuple[str, str]:
    """Make a token; return it, and its line in a file of credentials."""
    secret, known = new_token()
    return secret, line_of(Credential(name, shows, known)) + "\n"


def addresses_of(root: Aggregator, path: tuple[str, ...]) -> list[str]:
    """Return the addresses that a branch has told the root."""
    return root.network.inventory(lambda fleet: fleet.addresses(path))


def has_all(root: Aggregator) -> bool:
    """Tell whether the root has what all nodes counted."""
    return total(root, "work_total") >= sum(NODES.values())


@contextlib.asynccontextmanager
async def pair_and_one(server: NatsServer) -> AsyncIterator[tuple[Aggregator, list[asyncio.Task[None]]]]:
    """Run a root above a pair and a single one; yield the root and the tasks of these three."""
    ports = [free_port(), free_port(), free_port()]
    top = config(server, branches=(("fog", "*"),), below_allow=tuple(f"http://127.0.0.1:{port}" for port in ports))
    async with contextlib.AsyncExitStack() as stack:
        root = await stack.enter_async_context(serving(top))
        below = [branch(server, path, port) for path, port in zip(("fog/0", "fog/0", "fog/1"), ports, strict=True)]
        tasks = [(await stack.enter_async_context(running(one)))[1] for one in below]
        await stack.enter_async_context(nodes(server))
        await eventually(lambda: has_all(root), what="the root has all")
        expected = {("fog", "0"): 2, ("fog", "1"): 1}
        await eventually(lambda: {one: len(addresses_of(root, one)) for one in expected} == expected, what="addresses")
        yield root, tasks


async def kill(task: asyncio.Task[None]) -> None:
    """End an aggregator at once."""
    task.cancel()
    await asyncio.wait([task])


async def test_places_below_a_branch_are_its_own_aggregators(fog_nats: NatsServer) -> None:
    """A path, a node, lists, explanations; a level of all branches. One of a pair is enough."""
    async with pair_and_one(fog_nats) as (root, tasks):
        for question, work in (
            ("path=fog/0/b", {"": 4.0}),
            ("path=fog/1/a&name=work_total", {"": 8.0}),
            ("node=fog/0/a", {"": 2.0}),
            ("path=fog/0/b&level=3", {"fog/0/b/c": 4.0}),
            ("level=1", {"fog": 1.0, "fog/0": 6.0, "fog/1": 24.0}),
            ("level=2", {"fog": 1.0, "fog/0/a": 2.0, "fog/0/b": 4.0, "fog/1/a": 8.0, "fog/1/b": 16.0}),
            ("level=3&path=fog/0", {"fog/0/a": 2.0, "fog/0/b/c": 4.0}),
        ):
            found = await ask(root, f"/metrics?{question}")
            assert (found.status, found.work) == (200, work), (question, found.text[-300:])
            assert asking.MISSING not in found.headers
        level = await ask(root, "/metrics?level=2", Accept="application/openmetrics-text; version=1.0.0")
        assert level.text.endswith("# EOF\n")
        for below in ("level=2", "path=fog/0/b"):  # put together, or passed on, as text alone
            parts = await ask(root, f"/metrics?{below}", Accept=PROTOBUF)
            assert parts.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert parts.work == (await ask(root, f"/metrics?{below}")).work
        assert (level.text.count("# EOF"), level.text.count("# TYPE work counter")) == (1, 1)
        assert 'wait_bucket{fog_level="2",fog_path="fog/1/a",le="2.0"} 0' in level.text
        for place, shown in (
            ("/api/nodes?path=fog/0", '"path": "fog/0/b/c"'),
            ("/api/tree?path=fog/0/b", '"path": "fog/0/b/c"'),
            ("/api/explain?path=fog/1/a&name=work_total", '"total": [{"labels": {}, "value": 8'),
            ("/api/snapshot?level=2", '"fog_path": "fog/1/b"'),
            ("/api/changes?path=fog/0/b", '{"path": "fog/0/b", "from": '),
            ("/api/at?path=fog/0/b&time=1", "the aggregator of fog/0 says: the stream"),
        ):
            found = await ask(root, place)
            assert shown in found.text, (place, found.text[:300])
        assert (await ask(root, "/metrics?path=fog/0/nobody")).status == 404
        await kill(tasks[0])
        assert (await ask(root, "/metrics?path=fog/0/b")).work == {"": 4.0}


async def test_what_a_dead_branch_does_not_answer_is_named(fog_nats: NatsServer) -> None:
    """In a level its total stands in for it, and header, remark, sample and JSON say so; below it there is an error."""
    why = "its aggregator gives no usable answer"
    async with pair_and_one(fog_nats) as (root, tasks):
        await kill(tasks[2])
        cut = await ask(root, "/metrics?level=2")
        assert cut.work == {"fog": 1.0, "fog/0/a": 2.0, "fog/0/b": 4.0, "fog/1": 24.0}
        assert cut.headers[asking.MISSING] == f"fog/1: {why}"
        assert 'fog_aggregator_below_unanswered{fog_level="2",fog_path="fog/1"} 1' in cut.text
        assert f"# fog/1 is not complete: {why}" in cut.text
        snapshot = await ask(root, "/api/snapshot?level=2")
        assert f'"missing": [{{"path": "fog/1", "why": "{why}"}}]' in snapshot.text
        gone = await ask(root, "/metrics?path=fog/1/a")
        assert (gone.status, gone.text) == (502, f"fog/1/a lies below the branch fog/1: {why}\n")
        changed = await ask(root, "/api/changes?path=fog/1/a")
        assert (changed.status, why in changed.text) == (502, True)
        alerts = await ask(root, "/api/alerts?path=fog/1/a")
        assert alerts.headers[asking.MISSING] == "fog/1: alerts about places below it are its own aggregators'"
        assert asking.MISSING not in (await ask(root, "/api/alerts?path=fog/1")).headers
        of_branch = await ask(root, "/api/nodes?path=fog/1")
        assert '"branch": true' in of_branch.text
        assert of_branch.headers[asking.MISSING] == f"fog/1: {why}"
        counted = await ask(root, "/metrics?name=fog_aggregator_below_questions_total")
        assert 'fog_aggregator_below_questions_total{outcome="failed"} 5' in counted.text


async def _hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response(text=str(request))


async def _says_too_much(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": request.headers["Accept"]})
    await response.prepare(request)
    for _ in range(200):
        await response.write(b"#" * 1000 + b"\n")
    return response


async def _says_how_much(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"#" * 200_000, headers={"Content-Type": request.headers["Accept"]})


async def _points_elsewhere(request: web.Request) -> web.StreamResponse:
    if request.path == "/secret":
        return web.Response(text="secret")
    raise web.HTTPFound("/secret")


async def _packs(request: web.Request) -> web.StreamResponse:
    headers = {"Content-Type": request.headers["Accept"], "Content-Encoding": "gzip"}
    return web.Response(body=gzip.compress(b"#" * 10_000_000), headers=headers)


async def _writes_a_page(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<script>alert(1)</script>", content_type="text/html")


async def _wants_a_login(_: web.Request) -> web.StreamResponse:
    raise web.HTTPUnauthorized(text="who are you?")


async def _is_not_ready(_: web.Request) -> web.StreamResponse:
    raise web.HTTPServiceUnavailable


async def _speaks_of_others(request: web.Request) -> web.StreamResponse:
    text = '# TYPE work_total counter\nwork_total{fog_level="2",fog_path="fog/0/a"} 999\n'
    return web.Response(text=text, headers={"Content-Type": request.headers["Accept"]})


@contextlib.asynccontextmanager
async def standing_in(handler: HANDLER, asked: list[web.Request]) -> AsyncIterator[int]:
    """Serve in place of a branch's aggregator; yield the port."""

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await handler(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", note)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    try:
        yield port
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def root_above(server: NatsServer, port: int, **others: object) -> AsyncIterator[Aggregator]:
    """Run a root above one branch, whose aggregator says that it is asked at a port; all nodes were read."""
    allowed = (f"http://127.0.0.1:{port}",)
    top = config(server, branches=(("fog", "1"),), **({"below_allow": allowed} | others))
    below = branch(server, "fog/1", port, listen=("127.0.0.1", 0))
    async with serving_all(top, below) as (root, _), nodes(server):
        await eventually(lambda: has_all(root), what="the root has all")
        await eventually(lambda: addresses_of(root, ("fog", "1")), what="its address is known")
        yield root


BAD: dict[str, tuple[HANDLER, str, str]] = {
    "hangs": (_hangs, "timeout", "no answer within"),
    "too much": (_says_too_much, "too_large", "larger than"),
    "too much, as it says": (_says_how_much, "too_large", "larger than"),
    "redirect": (_points_elsewhere, "failed", "gives no usable answer"),
    "gzip": (_packs, "failed", "gives no usable answer"),
    "page": (_writes_a_page, "failed", "gives no usable answer"),
    "login": (_wants_a_login, "refused", "does not let us in"),
    "not ready": (_is_not_ready, "not_ready", "is not ready"),
}


async def test_a_branch_that_misbehaves_is_named(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hangs, answers too much, leads elsewhere, packs a bomb, writes a page: none of it is shown, or taken in."""
    monkeypatch.setattr(asking, "MOST_BYTES", 100_000)
    asked: list[web.Request] = []
    now: list[HANDLER] = []

    async def misbehaves(request: web.Request) -> web.StreamResponse:
        return await now[-1](request)

    async with standing_in(misbehaves, asked) as port, root_above(fog_nats, port) as root:
        for what, (handler, outcome, why) in BAD.items():
            now.append(handler)
            monkeypatch.setattr(asking, "PATIENCE", 0.2 if handler is _hangs else 60.0)
            found = await ask(root, "/metrics?path=fog/1/a")
            assert found.status == 502, what
            assert why in found.text, what
            counted = (await ask(root, "/metrics?name=fog_aggregator_below_questions_total")).text
            assert not re.search(rf'outcome="{outcome}"\}} 0$', counted, re.MULTILINE), what
            level = await ask(root, "/metrics?level=2")
            assert level.work == {"fog": 1, "fog/0/a": 2, "fog/0/b": 4, "fog/1": 24}, what
            assert why in level.headers[asking.MISSING] or "no answer within" in level.headers[asking.MISSING], what
        now.append(_speaks_of_others)
        level = await ask(root, "/metrics?level=2")
        assert level.work == {"fog": 1, "fog/0/a": 2, "fog/0/b": 4, "fog/1": 24}
        assert level.headers[asking.MISSING] == "fog/1: its answer is about other places, or another level"
    assert {request.path for request in asked} == {"/metrics"}
    assert all(request.headers[asking.PASSED_ON] == "fog/1" for request in asked)


async def test_words_of_a_branch_are_not_for_who_sees_a_part_of_it(fog_nats: NatsServer, tmp_path: FilePath) -> None:
    """Its words about missing parts, and about a refusal, may name places that are not shown."""
    words = "fog/1/b: secret"

    async def tells(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/explain":
            raise web.HTTPNotFound(text=words)
        return web.Response(text="", headers={"Content-Type": request.headers["Accept"], asking.MISSING: words})

    (part, line), (whole, other) = token("team", ("fog", "1", "a")), token("all")
    (tmp_path / "users").write_text(f"{line}\n{other}\n")
    users = {"http_token_file": str(tmp_path / "users")}
    async with standing_in(tells, []) as port, root_above(fog_nats, port, **users) as root:
        for secret, hears in ((part, False), (whole, True)):
            login = f"Bearer {secret}"
            found = await ask(root, "/metrics?path=fog/1/a", Authorization=login)
            refused = await ask(root, "/api/explain?path=fog/1/a&name=work_total", Authorization=login)
            assert (found.status, refused.status) == (200, 404)
            assert ("secret" in found.headers[asking.MISSING], "secret" in refused.text) == (hears, hears)


async def test_nobody_is_asked_that_is_not_allowed(fog_nats: NatsServer) -> None:
    """An address that a branch tells, and the operator did not allow: no connection is made to it."""
    asked: list[web.Request] = []
    async with standing_in(_speaks_of_others, asked) as port:
        other = (f"http://127.0.0.1:{port}/elsewhere", f"http://localhost:{port}", "http://127.0.0.1:1")
        async with root_above(fog_nats, port, below_allow=other) as root:
            found = await ask(root, "/metrics?path=fog/1/a")
            assert (found.status, "it told no address" in found.text) == (502, True)
        async with root_above(fog_nats, port, below_allow=()) as root:
            assert (await ask(root, "/metrics?path=fog/1/a")).status == 404
            level = await ask(root, "/metrics?level=2")
            assert level.headers[asking.MISSING].startswith("fog/1: this aggregator passes no questions on")
    assert asked == []


async def test_questions_that_go_in_a_circle_end(fog_nats: NatsServer) -> None:
    """A branch tells the root's own address: the root asks itself once, and sees its own mark."""
    port = free_port()
    async with root_above(fog_nats, port, listen=("127.0.0.1", port)) as root:
        found = await ask(root, "/metrics?path=fog/1/a")
        assert (found.status, "the question came back" in found.text) == (508, True)
        assert "the question came back" in (await ask(root, "/metrics?level=2")).headers[asking.MISSING]


@dataclass(frozen=True)
class Guarded:
    """A root and a branch that ask for logins.

    Attributes:
        root: The root.
        login: The header of who is shown fog/1/a alone.
        secret: The root's token at the branch.
        below: The file that has it.
        port: The branch's.
    """

    root: Aggregator
    login: str
    secret: str
    below: FilePath
    port: int


@contextlib.asynccontextmanager
async def guarded(server: NatsServer, folder: FilePath) -> AsyncIterator[Guarded]:
    """Serve a root that asks its branch with a token of its own, until the branch has its nodes."""
    port, (secret, line), (mine, my_line) = free_port(), token("root"), token("team", ("fog", "1", "a"))
    for name, text in (("branch", line), ("users", my_line), ("below", f"http://127.0.0.1:{port} {secret}\n")):
        (folder / name).write_text(text)
    below = branch(server, "fog/1", port, http_token_file=str(folder / "branch"))
    top = config(
        server,
        branches=(("fog", "1"),),
        below_allow=(f"http://127.0.0.1:{port}",),
        below_token_file=str(folder / "below"),
        http_token_file=str(folder / "users"),
    )
    async with serving_all(top, below) as (root, own), nodes(server):
        await eventually(lambda: len(own.network.paths(("fog", "1"))) == 2, what="the branch has its nodes")
        await eventually(lambda: addresses_of(root, ("fog", "1")), what="its address is known")
        yield Guarded(root, f"Bearer {mine}", secret, folder / "below", port)


async def test_logins_hold_for_what_is_passed_on(fog_nats: NatsServer, tmp_path: FilePath) -> None:
    """The root logs in with the token of its file; who is shown a subtree of the root is shown no other below."""
    async with guarded(fog_nats, tmp_path) as fog:
        root, login = fog.root, fog.login
        assert (await ask(root, "/metrics", Authorization=login)).work == {"": 8}
        assert (await ask(root, "/metrics?path=fog/1/b", Authorization=login)).status == 403
        assert (await ask(root, "/metrics?node=fog/1/b", Authorization=login)).status == 403
        assert (await ask(root, "/metrics?level=3", Authorization=login)).work == {"fog/1/a": 8}
        fog.below.write_text(f"http://127.0.0.1:{fog.port} wrong\n")
        await root.reload()
        refused = await ask(root, "/metrics", Authorization=login)
        assert (refused.status, fog.secret in refused.text, "does not let us in" in refused.text) == (502, False, True)
