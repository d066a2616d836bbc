"""Every query and variable of the dashboards gives data: of an aggregator itself, and of a Prometheus beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.components.http.access.credentials import Credential, line_of, new_token
from fog_cli.demo.fog_model import Fog
from fog_cli.demo.nodes import FogNodes
from fog_schema.paths import parse_path
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from tests.deployments.dashboards import NAMES, Asked, fill, queries, variables
from tests.deployments.shipped import DEPLOY
from tests.promql.prometheus import BINARY, WHY_NOT, running_prometheus
from utilityfog_frontend.telemetry import TelemetryCollector

PLACES: Final = ("fog", *(f"fog/{one}" for one in range(5)), "fog/0/0", "fog/0/1")
"""Five branches, so that each has four siblings; and one of them has children."""
PLAIN: Final = "temperature_celsius"
"""A gauge without a choice of its rollup: it has a least, a mean and a most; that of the demo has a sum."""
RULES: Final = """
groups:
  - name: demo
    interval: 1s
    rules:
      - alert: FogTalks
        expr: sum by (fog_path) (messages_sent_total{fog_level="1",fog_path="fog/0"}) > 0
        labels: {severity: warning}
"""
"""An alert that fires at once, as it looks at no range: without one the lists of alerts would be empty."""
ANYWHERE: Final = {
    ") > 0": "only where something was lost",
    "fog_aggregator_saturated_sums": "only where a sum is at 2^63 - 1",
    "fog_aggregator_branch_nodes_unread": "only where branches are named, by those that nobody reads",
    "fog_aggregator_rollup_": "only of a branch's aggregator",
    "fog_agent_source_": "only of `fog agent`, which reads its host",
    "fog_agent_statsd_dropped_total": "only of `fog agent` with statsd among its sources",
    "fog_agent_journals_set_aside_total": "only where agents look for journals",
    "fog_aggregator_outgoing_": "only where receivers are named (`--receivers`)",
    "fog_aggregator_notifications_total": "only where there are receivers of alerts",
    "telemetry_source_errors_total": "only of programs with sources",
}
"""Queries that may be empty, and why, by a part of the expression."""
ENOUGH: Final = (
    'count_over_time(messages_sent_total{job=~"fog_branches(_.+)?|",fog_level="2",fog_path="fog/0/1"}[5m]) >= 4',
    'count_over_time(messages_sent_total{job=~"fog|"}[5m]) >= 4',
    'count_over_time(messages_sent_total{job=~"fog_branches(_.+)?|",fog_level="1",fog_path="fog/0"}[5m]) >= 4',
    'sum(increase(telemetry_events_total{job=~"fog_branches(_.+)?|",fog_level="1",fog_path="fog/0"}[1m])) > 0',
    'ALERTS{alertstate="firing",alertname="FogTalks"} * ignoring (alertstate) ALERTS_FOR_STATE',
)
"""There is something to tell once each of these has a value."""
OF_AN_AGGREGATOR: Final = {'up{job=~"fog|"}': "who answers is up: a Prometheus says so of what it scrapes"}


@dataclass(frozen=True)
class Source:
    """A data source, as Grafana asks it.

    Attributes:
        url: Its address.
        token: Sent with each question, as provisioning/datasources/aggregator.yml does; empty for none.
        empty: Queries that may be empty, besides those that may be so anywhere.
    """

    url: str
    token: str
    empty: dict[str, str]

    async def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer without errors."""
        return await asyncio.to_thread(self._ask, path, parameters)

    def _ask(self, path: str, parameters: dict[str, str]) -> Any:
        text = urllib.parse.urlencode(parameters)
        body, address = (None, f"{path}?{text}") if path.startswith("label/") else (text.encode(), path)
        request = urllib.request.Request(f"{self.url}/api/v1/{address}", body)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    async def has(self, expression: str) -> bool:
        """Whether an expression has a value now."""
        return bool((await self.ask("query", query=expression))["result"])

    async def now(self) -> float:
        """Return the source's time."""
        return float((await self.ask("query", query="time()"))["result"][1])

    async def result(self, asked: Asked, values: dict[str, str]) -> list[Any]:
        """Ask as a panel does: for the last half minute, or for now."""
        now, expression = await self.now(), asked.filled(values)
        if asked.instant:
            found = await self.ask("query", query=expression, time=f"{now}")
        else:
            found = await self.ask("query_range", query=expression, start=f"{now - 30}", end=f"{now}", step="1")
        assert found["resultType"] in {"vector", "matrix"}, asked
        return list(found["result"])

    async def listed(self, variable: dict[str, Any], values: dict[str, str]) -> list[str]:
        """List the values of a variable, as Grafana reads them out of answers."""
        query = fill(variable["definition"], values)
        if of_label := re.fullmatch(r"label_values\((.+),\s*(\w+)\)", query):
            now = await self.now()
            span = {"start": f"{now - 3600}", "end": f"{now}"}
            lines = await self.ask(f"label/{of_label[2]}/values", **{"match[]": of_label[1]}, **span)
        else:
            expression = re.fullmatch(r"query_result\((.+)\)", query)
            assert expression is not None
            found = (await self.ask("query", query=expression[1]))["result"]
            lines = [f"{{}} {one['value'][1]} {one['value'][0] * 1000:.0f}" for one in found]
        pattern = re.compile(variable["regex"].strip("/") or "(.*)")
        return [match[1] for line in lines if (match := pattern.search(line))]

    async def filled(self, name: str) -> dict[str, str]:
        """Choose a value of each variable of a dashboard."""
        chosen = {"__interval": "10s", "before": "2s", "page": "http://page", "datasource": "any"}
        wanted = {"level": "1", "path": "fog/0", "counter": "messages_sent_total", "gauge": "message_queue_size"}
        for variable in sorted(variables(name), key=lambda one: one["type"] != "constant"):
            key = variable["name"]
            if variable["type"] == "constant":
                chosen[key] = variable["query"]
            elif variable["type"] == "query":
                found = await self.listed(variable, chosen)
                assert found, variable
                assert key not in wanted or wanted[key] in found, (found, variable)
                chosen[key] = wanted.get(key, found[0])
        return chosen

    def may_be_empty(self, expression: str) -> bool:
        """Whether an expression is one of those that have no data here, for a reason."""
        return any(part in expression for part in {**ANYWHERE, **self.empty})


@contextlib.asynccontextmanager
async def living(server: NatsServer) -> AsyncIterator[None]:
    """Let the demo's nodes live, while the body does."""
    fog = Fog(iter(map(parse_path, PLACES)), random.Random(7), 0.0)
    nodes = FogNodes(fog, NatsOptions.parse(server.url), interval=0.25)
    await nodes.start(asyncio.Event())

    async def live() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            nodes.advance(loop.time() - began)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(live())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await nodes.stop()


def scraping(address: str, token: str, rules: Path) -> str:
    """Return deploy/prometheus.yml for an aggregator of this test's, with a login, each second, with other rules.

    It has a job more, of the next level, as docs/grafana.md says.
    """
    text = (DEPLOY / "prometheus.yml").read_text()
    for was, now in (("127.0.0.1:10364", address), ("fog_rules.yml", str(rules))):
        assert was in text
        text = text.replace(was, now)
    first = text[text.index("  - job_name: fog_branches") : text.index("rule_files:")]
    second = first.replace("fog_branches", "fog_branches_2").replace('level: ["1"]', 'level: ["2"]')
    text = text.replace("rule_files:", f"{second}rule_files:")
    return re.sub(r"scrape_interval: \d+s", f"scrape_interval: 1s\n    authorization: {{credentials: {token}}}", text)


def logins(file: Path, **shown: tuple[str, ...]) -> dict[str, str]:
    """Write the file of logins, of a name and the path that it is shown each; return their tokens."""
    made = {name: new_token() for name in shown}
    lines = [line_of(Credential(name, path, made[name][1])) for name, path in shown.items()]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    return {name: token for name, (token, _) in made.items()}


@contextlib.asynccontextmanager
async def sources(server: NatsServer, folder: Path) -> AsyncIterator[tuple[list[Source], Source]]:
    """Provide an aggregator of a demo, and a Prometheus that scrapes it, once both have enough to tell.

    The second value is the aggregator as a login sees it that is shown fog/0 alone.
    """
    rules = folder / "demo.yml"
    rules.write_text(RULES)
    tokens = logins(folder / "tokens", grafana=(), team=("fog", "0"))
    kept = {"state_dir": folder / "state", "http_token_file": str(folder / "tokens")}
    settings = config(server, history_step=1.0, rules=(str(rules),), **kept)
    async with contextlib.AsyncExitStack() as stack:
        aggregator = await stack.enter_async_context(serving(settings))
        await stack.enter_async_context(living(server))
        collector = TelemetryCollector()
        collector.register_gauge(PLAIN, "Of a room").set(21.5)
        await stack.enter_async_context(Agent(collector, path="fog/0/2", servers=server.url, interval=0.25))
        host, port = aggregator.web.address
        address = f"{host}:{port}"
        found = [Source(f"http://{address}", tokens["grafana"], OF_AN_AGGREGATOR)]
        if BINARY is not None:
            prometheus = running_prometheus(folder, scraping(address, tokens["grafana"], rules))
            running = await asyncio.to_thread(stack.enter_context, prometheus)
            found.append(Source(running.url, "", {}))
        for source in found:
            for expression in ENOUGH:
                await eventually(partial(source.has, expression), deadline=30, what=f"{source.url} {expression}")
        yield found, Source(f"http://{address}", tokens["team"], {})


async def test_every_query_gives_data(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Of each dashboard, with variables as the source lists them; both sources count the same nodes.

    To a login that is shown a part of the tree Fleet and Subtree show that part, but for its alerts: a series of a rule
    may be about any place.
    """
    async with sources(fog_nats, tmp_path) as (found, team):
        counted = []
        for source in found:
            assert await without_data(source) == []
            every = await source.ask("query", query='sum by (state) (fog_aggregator_nodes{job=~"fog|"})')
            counted.append({one["metric"]["state"]: one["value"][1] for one in every["result"]})
        refused = [asked for name in ("fleet", "subtree") for asked in await refusals(team, name)]
    assert counted[0]["live"] == str(len(PLACES) + 1)
    assert all(one == counted[0] for one in counted)
    assert refused
    assert all("ALERTS" in asked.expression for asked in refused)
    if BINARY is None:
        pytest.skip(f"only an aggregator was asked: {WHY_NOT}")


async def without_data(source: Source) -> list[str]:
    """Ask every query of every dashboard; list those without data that should have some."""
    empty = []
    for name in NAMES:
        values = await source.filled(name)
        for asked in queries(name):
            result = await source.result(asked, values)
            result = result or await source.result(asked, values | {"gauge": PLAIN})
            if not result and not source.may_be_empty(asked.filled(values)):
                empty.append(f"{source.url} {asked.place}: {asked.filled(values)}")
    return empty


async def refusals(source: Source, name: str) -> list[Asked]:
    """Ask every query of a dashboard; list those that the source does not answer to this login."""
    values, refused = await source.filled(name), []
    for asked in queries(name):
        try:
            await source.result(asked, values)
        except AssertionError as error:
            if "is of the whole fleet" not in str(error):
                raise
            refused.append(asked)
    return refused
