"""Receivers for tests: a webhook that answers as it is told, and Alertmanagers of Debian."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from fog_aggregator.components.notifications.making import Situation, make_notifications
from fog_aggregator.components.notifications.notifier import Notifications
from fog_aggregator.components.notifications.options import NotificationOptions
from fog_aggregator.notifications.deliveries import DeliveryOrder
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import make_labels
from fog_aggregator.tasks import Loops
from fog_bus.memory import MemoryBus
from fog_schema.subjects import Subjects
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import TelemetryCollector

ALERTMANAGER: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_alertmanager: Final = pytest.mark.skipif(ALERTMANAGER is None, reason="no Alertmanager is installed")


class Hook:
    """A server that takes posts.

    Attributes:
        url: Where it is.
        bodies: The JSON of each post that it took with 200.
        headers: The headers of each post, taken or not.
        statuses: The statuses of its next answers; after them 200.
        hangs: It never answers.
    """

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Any] = []
        self.headers: list[Any] = []
        self.statuses: list[int] = []
        self.hangs = False

    async def take(self, request: web.Request) -> web.Response:
        """Take a post."""
        self.headers.append(request.headers.copy())
        body = await request.json()
        if self.hangs:
            await asyncio.sleep(3600)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.bodies.append(body)
        headers = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
        text = f"so it is: cannot POST {request.path_qs} ({request.headers.get('Authorization')})"  # as many do
        return web.Response(status=status, text=text, headers=headers)

    def alerts(self) -> list[str]:
        """List the alerts that it was told, in short."""
        bodies = [one for body in self.bodies for one in (body["alerts"] if isinstance(body, dict) else body)]
        return [f"{one['labels']['alertname']} {one.get('status', '')}".strip() for one in bodies]


@asynccontextmanager
async def hook(port: int = 0) -> AsyncIterator[Hook]:
    """Provide a server that takes posts anywhere."""
    taking, app = Hook(), web.Application()
    app.router.add_post("/{any:.*}", taking.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    taking.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield taking
    finally:
        await runner.cleanup()


def alert(name: str = "A", *, firing: bool = True, starts: int = 0, **labels: str) -> Notice:
    """Make the notice of an alert that began at a time, in milliseconds."""
    ends = starts + (900_000 if firing else 1)
    return Notice(make_labels({"alertname": name, **labels}), (("summary", name),), starts, ends, firing)


class Told:
    """Notifications over a bus in memory.

    Attributes:
        component: The component.
        bus: The bus.
        now: The time, unix seconds.
        known: Whether silences are known.
    """

    def __init__(self, options: NotificationOptions, now: float) -> None:
        self.now, self.known = now, True
        self.bus = MemoryBus()
        self.own = TelemetryCollector(self_metrics=False, reserved_names=True)
        order = DeliveryOrder("a", lambda _: False)
        situation = Situation((), "http://fog:10364", lambda: self.now, lambda: self.known, order)
        self.component: Notifications = make_notifications(options, self.bus, Subjects(), situation, self.own, Loops())

    def submit(self, *notices: Notice) -> None:
        """Hand alerts over."""
        self.component.submit(notices, int(self.now * 1000))

    def count(self, receiver: str, result: str) -> float:
        """Return a count; None when it is not there."""
        [family] = [one for one in self.own.collect() if one.family.name == "fog_aggregator_notifications_total"]
        values = {dict(one.labels)["receiver"] + " " + dict(one.labels)["result"]: one.value for one in family.series}
        value = values[f"{receiver} {result}"]
        assert isinstance(value, int | float)
        return value


@asynccontextmanager
async def telling(now: float = 1_700_000_000.0, **options: Any) -> AsyncIterator[Told]:
    """Provide notifications that run."""
    told = Told(NotificationOptions(**options), now)
    await told.component.start()
    told.component.begin()
    try:
        yield told
    finally:
        await told.component.stop(1.0)


class Alertmanager:
    """One of Debian's, whose routes post to a hook at once.

    Attributes:
        url: Where it is.
    """

    def __init__(self, directory: Path, hook_url: str, port: int, cluster: int, peers: Sequence[int]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        config = directory / "alertmanager.yml"
        config.write_text(
            json.dumps(
                {
                    "route": {
                        "receiver": "hook",
                        "group_by": ["alertname"],
                        "group_wait": "100ms",
                        "group_interval": "3s",
                        "repeat_interval": "1h",
                    },
                    "receivers": [
                        {"name": "hook", "webhook_configs": [{"url": hook_url, "send_resolved": True}]},
                    ],
                }
            )
        )
        self._command = [
            str(ALERTMANAGER),
            f"--config.file={config}",
            f"--storage.path={directory / str(port)}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--cluster.listen-address=127.0.0.1:{cluster}",
            "--cluster.peer-timeout=500ms",
            "--cluster.gossip-interval=50ms",
            "--cluster.settle-timeout=1s",
            *(f"--cluster.peer=127.0.0.1:{peer}" for peer in peers),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - at once
        await eventually(self._is_ready, deadline=30)

    async def joined(self, members: int) -> bool:
        """Tell whether so many are in its cluster, and it has settled."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/status") as answer:
            cluster = (await answer.json())["cluster"]
        return cluster["status"] == "ready" and len(cluster["peers"]) == members

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def alerts(self) -> dict[str, str]:
        """Return the alerts that it knows, and whether each is active."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/alerts") as answer:
            return {one["fingerprint"]: one["status"]["state"] for one in await answer.json()}

    async def has_looked(self) -> bool:
        """Tell whether it has asked what the cluster has told of an alert: only then its own group is through."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return not any(line == "alertmanager_nflog_queries_total 0" for line in lines)

    async def _is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


@contextmanager
def alertmanagers(hook_url: str, count: int) -> Iterator[list[Alertmanager]]:
    """Provide a cluster of Alertmanagers, not started yet."""
    with tempfile.TemporaryDirectory() as directory:
        clusters = [free_port() for _ in range(count)]
        several = [Alertmanager(Path(directory), hook_url, free_port(), own, clusters) for own in clusters]
        try:
            yield several
        finally:
            for one in several:
                one.kill()
