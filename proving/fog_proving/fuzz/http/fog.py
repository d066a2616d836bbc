"""A whole fog in one process: all of an aggregator over a bus in memory, with a login that sees a subtree alone.

All that only the other places have says `SIBLING` somewhere: tokens of paths, names of metrics, labels and values,
help, information of nodes, events, alerts, silences.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp

from fog_agent import Agent
from fog_aggregator.components.http.access.credentials import Credential, line_of, new_token
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.places.expected import Expected
from fog_aggregator.service import Aggregator
from fog_bus.memory import MemoryBus
from fog_schema.commands import OPERATORS, SILENCE, Command, encode_command
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

SIBLING: Final = "outsider"
OWN: Final = ("fog/0", "fog/0/1", "fog/0/2")
OTHERS: Final = (f"fog/{SIBLING}", f"fog/{SIBLING}/1", f"fog/0-{SIBLING}", f"fog/00{SIBLING}")
_RULES: Final = f"""
groups:
  - name: of-all
    interval: 1s
    rules:
      - record: fog:orders
        expr: sum by (fog_path) (orders_total{{fog_level="1"}})
      - record: fog:{SIBLING}
        expr: sum(orders_total)
      - alert: Orders
        expr: orders_total{{fog_level="1"}} > 0
        annotations:
          summary: "{{{{ $labels.fog_path }}}} has some"
          others: '{{{{ range query "orders_total{{fog_level=\\"1\\"}}" }}}}{{{{ .Labels.fog_path }}}}{{{{ end }}}}'
      - alert: Everywhere
        expr: sum(orders_total) > 0
        annotations:
          summary: "also at fog/{SIBLING}"
"""


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def everything(self) -> str:
        """Headers and body."""
        return self.text + "\n" + "\n".join(f"{name}: {value}" for name, value in self.headers.items())


@dataclass
class Fog:
    """A fog that is served, and a client with two logins."""

    aggregator: Aggregator
    session: aiohttp.ClientSession
    tokens: Mapping[str, str]

    async def ask(self, login: str, path: str, fields: Any = (), method: str = "GET") -> Answer:
        """Ask one question, in the address or as a form."""
        url = "http://{}:{}".format(*self.aggregator.web.address) + quote(path, safe="/[]")
        headers = {"Authorization": f"Bearer {self.tokens[login]}"} if login else {}
        data = urlencode(fields).encode() if method == "POST" else None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif fields:
            url += "?" + urlencode(fields)
        async with self.session.request(method, url, headers=headers, data=data, allow_redirects=False) as answer:
            return Answer(answer.status, dict(answer.headers), await _text_of(answer))

    async def document(self) -> dict[str, Any]:
        """Return the description of what is served."""
        found: dict[str, Any] = json.loads((await self.ask("one", "/api/openapi.json")).text)
        return found


@contextlib.asynccontextmanager
async def a_fog(folder: Path) -> AsyncIterator[Fog]:
    """Serve a fog of two subtrees and more for as long as the body runs; the login `one` is shown fog/0 alone."""
    tokens = {"all": new_token(), "one": new_token()}
    file, rules, bus = folder / "tokens", folder / "rules.yml", MemoryBus()
    shown = {"all": (), "one": ("fog", "0")}
    file.write_text("\n".join(line_of(Credential(name, shown[name], known)) for name, (_, known) in tokens.items()))
    rules.write_text(_RULES)
    config = AggregatorConfig(
        listen=("127.0.0.1", 0),
        http_token_file=str(file),
        rules=(str(rules),),
        history_step=1.0,
        expect=Expected(frozenset({("fog", f"missing-{SIBLING}"), ("fog", "0", "missing")})),
    )
    aggregator, stop = Aggregator(config, bus), asyncio.Event()
    task = asyncio.create_task(aggregator.run(stop))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.wait, {task})
        stack.callback(stop.set)
        for path in (*OWN, *OTHERS):
            await stack.enter_async_context(_node(path, bus))
        await _silence(bus, f"fog/{SIBLING}")
        await _silence(bus, "fog/0/1")
        session = await stack.enter_async_context(aiohttp.ClientSession())
        fog = Fog(aggregator, session, {name: token for name, (token, _) in tokens.items()})
        async with asyncio.timeout(60):
            while not task.done() and not await _is_complete(fog):  # noqa: ASYNC110 - it asks a server
                await asyncio.sleep(0.05)
        yield fog
    task.result()


async def _text_of(answer: aiohttp.ClientResponse) -> str:
    """Read a body; of a stream, which does not end, its beginning up to the state of the service."""
    if answer.content_type != "text/event-stream" or answer.method == "HEAD":
        return await answer.text()
    lines = [await answer.content.readline()]
    while lines[-1] and lines[-1] != b"event: status\n":
        lines.append(await answer.content.readline())
    return b"".join((*lines, await answer.content.readline())).decode()


def _node(path: str, bus: MemoryBus) -> Agent:
    """Return an agent of a node; what the others have says so."""
    collector, other = TelemetryCollector(self_metrics=False), SIBLING in path
    collector.register_counter("orders_total", "Orders").increment(3)
    sold = collector.register_counter("sold_total", "Sold", ["kind"])
    sold.labels(f"{SIBLING}-kind" if other else "pizza").increment(2)
    collector.register_histogram("wait_seconds", "Waiting", [0.1, 1.0]).observe(0.5)
    collector.register_gauge("level", "A level").set(1)  # the help of a name is one for the whole fleet
    if other:
        collector.register_histogram("choice", f"{SIBLING} choice", [1.0]).observe(2)
        collector.register_counter(f"{SIBLING}_total", "Theirs", [f"{SIBLING}_label"]).labels("x").increment()
    else:
        collector.register_gauge("choice").set(2)
    collector.record_event(f"{SIBLING} event" if other else "event", {"why": path}, {"where": path})
    info = {"zone": f"{SIBLING} zone" if other else "own"}
    return Agent(collector, path=path, bus=bus, interval=0.3, info=info)


async def _silence(bus: MemoryBus, path: str) -> None:
    matchers = ((OPERATORS.index("="), "fog_path", path),)
    command = Command(SILENCE, path.replace("/", "-"), "jo", f"for {path}", matchers, duration=3_600_000)
    await bus.publish(Subjects().control(tuple(path.split("/"))), encode_command(command), 5.0)


async def _is_complete(fog: Fog) -> bool:
    """Tell whether all nodes were heard, and history, alerts and silences are there."""
    if not fog.aggregator.status.is_current() or len(fog.aggregator.status.silences()) < len(("fog/0/1", OTHERS[0])):
        return False
    shown = await fog.ask("all", "/api/v1/query", {"query": "sum(orders_total)"})
    alerts = await fog.ask("all", "/api/v1/alerts")
    return f'"{3 * len(OWN + OTHERS)}"' in shown.text and all(
        f'"{path}"' in alerts.text for path in ("fog/0", OTHERS[0])
    )
