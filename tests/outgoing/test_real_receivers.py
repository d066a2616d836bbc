"""Programs of others take what is sent: killed, and we are, nothing is lost and nothing comes twice."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from fog_agent import Agent
from fog_cli.api import Api
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import free_address, is_healthy
from tests.cli.processes import fog
from tests.outgoing.real import Prometheus, Real, Samples, VictoriaMetrics, running
from utilityfog_frontend.telemetry import Exponential, TelemetryCollector
from utilityfog_frontend.telemetry.exposition import negotiate

needs_prometheus: Final = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no Prometheus is installed")
needs_victoria: Final = pytest.mark.skipif(
    shutil.which("victoria-metrics") is None, reason="no VictoriaMetrics is installed"
)
SELECTOR: Final = 'orders_total{kind="pizza"}'
STEP: Final = 200


def own_samples(address: str) -> Samples:
    """Return the samples that the aggregator has of the same series."""
    answer = Api(address).json("/api/v1/query", {"query": f"{SELECTOR}[1h]"})
    return {round(at * 1000): float(value) for one in answer["data"]["result"] for at, value in one["values"]}


class Sending:
    """An aggregator as a process that sends to one receiver, and is started again where it was."""

    def __init__(self, server: str, folder: Path, receiver: Real, protocol: str) -> None:
        self.address = free_address()
        (folder / "receivers.toml").write_text(
            f'[[receiver]]\nname = "r"\nurl = "{receiver.url}"\nprotocol = "{protocol}"\nend_at_stop = false\n'
        )
        self._arguments = [
            *("aggregator", "--nats", server, "--listen", self.address, "--state-dir", str(folder / "state")),
            *("--receivers", str(folder / "receivers.toml"), "--history-step", f"{STEP}ms", "--rules", ""),
            *("--checkpoint-interval", "1s", "--kernels", "numpy"),
        ]

    def start(self, stack: ExitStack) -> Callable[[], None]:
        """Start it; return what kills it as a crash does."""
        process = stack.enter_context(fog(*self._arguments))

        def kill() -> None:
            process.kill()
            process.wait()

        return kill


@pytest.mark.parametrize(
    ("make", "kills"),
    [
        pytest.param(Prometheus, 1, marks=needs_prometheus),
        pytest.param(VictoriaMetrics, 0, marks=needs_victoria, id="VictoriaMetrics"),
    ],
)
async def test_kills_lose_nothing_and_double_nothing(
    fog_nats: NatsServer, tmp_path: Path, make: Callable[[Path], Real], kills: int
) -> None:
    """The receiver has each step of the history with its value, from the first that it got to the last.

    VictoriaMetrics is not killed: it keeps the last second in memory alone.
    """
    collector, receiver = TelemetryCollector(), make(tmp_path)
    orders = collector.register_counter("orders_total", "Orders", ["kind"]).labels(kind="pizza")
    sending = Sending(fog_nats.url, tmp_path, receiver, "remote-write")

    def has(count: int) -> bool:
        orders.increment()
        return len(receiver.samples(SELECTOR)) >= count

    with ExitStack() as stack:
        stack.enter_context(running(receiver))
        kill = sending.start(stack)
        async with Agent(collector, path="fog/0/3", servers=fog_nats.url, interval=0.2):
            await eventually(lambda: has(8), deadline=40)
            for _ in range(kills):
                kill()
                kill = sending.start(stack)
                await eventually(lambda: is_healthy(sending.address), deadline=30)
                before = len(receiver.samples(SELECTOR))
                await eventually(partial(has, before + 2), deadline=40)
                receiver.kill()
                await asyncio.sleep(2 * STEP / 1000)
                receiver.start()
                await eventually(partial(has, before + 6), deadline=40)
            found, wanted = receiver.samples(SELECTOR), own_samples(sending.address)
        first, last = min(found), max(found)
        assert found == {at: value for at, value in wanted.items() if first <= at <= last}
        assert len(set(found.values())) > 3
        kill()


OBSERVED: Final = [round(1.01**n * 1e-3, 9) for n in range(1000)]
"""From a millisecond to 20 s."""


@pytest.mark.parametrize(
    ("make", "is_native"),
    [
        pytest.param(
            partial(Prometheus, flags=("--enable-feature=native-histograms",)), True, marks=needs_prometheus, id="takes"
        ),
        pytest.param(Prometheus, False, marks=needs_prometheus, id="refuses"),
        pytest.param(VictoriaMetrics, False, marks=needs_victoria, id="VictoriaMetrics"),
    ],
)
async def test_exponential_histograms_reach_receivers(
    fog_nats: NatsServer, tmp_path: Path, make: Callable[[Path], Real], *, is_native: bool
) -> None:
    """One that takes native histograms has the same quantiles as we; one that does not gets buckets, from the start."""
    collector, receiver = TelemetryCollector(), make(tmp_path)
    histogram = collector.register_histogram("took_seconds", "Time", buckets=Exponential())
    for value in OBSERVED:
        histogram.observe(value)
    sending, ask = Sending(fog_nats.url, tmp_path, receiver, "remote-write"), partial(value_of, receiver)
    count = "histogram_count(took_seconds)" if is_native else "took_seconds_count"

    async def is_there() -> bool:
        return await ask(count) == len(OBSERVED)

    with ExitStack() as stack:
        stack.enter_context(running(receiver))
        kill = sending.start(stack)
        async with Agent(collector, path="fog/0/3", servers=fog_nats.url, interval=0.2):
            await eventually(is_there, deadline=100)
            for q in (0.1, 0.5, 0.9, 0.99):
                theirs = await ask(f"histogram_quantile({q}, took_seconds{'' if is_native else '_bucket'})")
                query = {"query": f"histogram_quantile({q}, took_seconds_bucket)"}
                ours = Api(sending.address).json("/api/v1/query", query)["data"]["result"][0]["value"][1]
                assert theirs == pytest.approx(float(ours), rel=0.045)
                assert theirs == pytest.approx(OBSERVED[round(q * 1000)], rel=0.09)
        kill()


@asynccontextmanager
async def exposing(collector: TelemetryCollector) -> AsyncIterator[tuple[str, list[str]]]:
    """Provide the address of a page of metrics, and the formats that were asked of it."""
    asked: list[str] = []

    async def metrics(request: web.Request) -> web.Response:
        chosen = negotiate(request.headers.get("Accept"))
        asked.append(chosen.content_type)
        return web.Response(body=chosen.generate(collector.collect()), headers={"Content-Type": chosen.content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{host}:{port}", asked
    finally:
        await runner.cleanup()


async def value_of(prometheus: Real, query: str) -> float | None:
    """Return the value of one series; None without any."""
    answer = await asyncio.to_thread(partial(prometheus.ask, "/api/v1/query", query=query))
    found = [one for each in answer for one in each["data"]["result"]]
    return float(found[0]["value"][1]) if found else None


@needs_prometheus
async def test_a_prometheus_scrapes_protobuf(tmp_path: Path) -> None:
    """With native histograms switched on it asks for protobuf, and takes counters, classic and native histograms."""
    collector = TelemetryCollector(self_metrics=False)
    collector.register_counter("orders_total", "Orders", ["kind"]).labels(kind="pizza").increment(7)
    classic = collector.register_histogram("classic_seconds", "Time", buckets=(0.5, 1.0))
    native = collector.register_histogram("native_seconds", "Time", buckets=Exponential())
    for value in range(1, 101):
        classic.observe(value / 100)
        native.observe(value / 100)
    async with exposing(collector) as (address, asked):
        config = f"""
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs: [{{job_name: j, static_configs: [{{targets: ["{address}"]}}]}}]
"""
        prometheus = Prometheus(tmp_path, ("--enable-feature=native-histograms",), config=config)
        ask = partial(value_of, prometheus)

        async def is_there() -> bool:
            return await ask("histogram_count(native_seconds)") == 100

        with running(prometheus):
            await eventually(is_there, deadline=30)
            assert await ask('orders_total{kind="pizza"}') == 7
            assert await ask('classic_seconds_bucket{le="0.5"}') == 50
            assert await ask("histogram_sum(native_seconds)") == pytest.approx(50.5)
            assert await ask("histogram_quantile(0.5, native_seconds)") == pytest.approx(0.5, rel=0.045)
            assert await ask("up") == 1
    assert "protobuf" in asked[-1]
