"""Real clients send to a listener of a real agent, whose numbers a real aggregator shows."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from datadog.dogstatsd.base import DogStatsd
from statsd import StatsClient  # type: ignore[import-untyped]

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from fog_agent.sources.statsd.listener import StatsdListener
from fog_agent.sources.statsd.settings import read
from fog_agent.sources.tables import Table
from fog_testing.fleet import Fleet
from fog_testing.waiting import eventually, wait_until
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import HistogramValue

ROOT: Final = Path(__file__).parents[3]
MODULES: Final = ROOT / ".venv" / "clients" / "node_modules"
NODE: Final = shutil.which("node") if (MODULES / "hot-shots").exists() else None
HOT_SHOTS: Final = """
const StatsD = require('hot-shots');
const client = new StatsD(JSON.parse(process.argv[1]));
client.increment('page.views', 3, ['env:dev']);
client.timing('took', 250);
client.gauge('neg', -3);
client.distribution('size', 12, 0.5);
client.set('users', 'a');
client.event('title é', 'two\\nlines', {alert_type: 'error'}, ['x:y']);
client.check('db.up', client.CHECKS.CRITICAL, {message: 'gone'}, ['x:y']);
client.close();
"""


@contextmanager
def listening(collector: TelemetryCollector, **table: Any) -> Iterator[StatsdListener]:
    """Listen into a collector for the time of a block, as a table of the file of sources says."""
    settings = read(Table({"name": "apps", "listen": ["127.0.0.1:0"], "dialect": "dogstatsd"} | table))
    listener = StatsdListener(settings, Context(collector, SourceMetrics(collector), 10))
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def values_of(collector: TelemetryCollector) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
    """Return the values of all series by name and labels."""
    return {(each.family.name, one.labels): one.value for each in collector.collect() for one in each.series}


def own(collector: TelemetryCollector, name: str, **labels: str) -> Any:
    """Return a value of the listener's own metrics."""
    return values_of(collector)[f"fog_agent_{name}", tuple(sorted({"source": "apps", **labels}.items()))]


def taken(collector: TelemetryCollector, count: int) -> None:
    """Wait until so many values were taken."""
    wait_until(lambda: own(collector, "statsd_values_total") >= count)


async def test_datadog_s_client_reaches_the_fleet_over_both_sockets(fog_fleet: Fleet, tmp_path: Path) -> None:
    """Counts of both are one series; nothing that is sent is missing in the fleet's numbers."""
    collector = await fog_fleet.node("fog/0")
    path = str(tmp_path / "dsd.sock")
    with listening(collector, listen=["127.0.0.1:0", f"unix:{path}"], interval=1) as listener:
        for where in ({"host": "127.0.0.1", "port": listener.readers[0].address.port}, {"socket_path": path}):
            client = DogStatsd(**where, disable_telemetry=True, disable_buffering=False)
            for _ in range(500):
                client.increment("page.views", tags=["env:dev", "dd.internal.entity_id:pod"])
            client.decrement("page.views")
            client.timing("took", 250)
            client.gauge("neg", -3)
            client.distribution("size", 12, sample_rate=1)
            client.event("title é", "two\nlines", alert_type="error", tags=["x:y"])
            client.service_check("db.up", 2, tags=["x:y"], message="gone")
            client.flush()
            client.close_socket()
        await eventually(lambda: own(collector, "statsd_values_total") >= 2 * 505)
    assert own(collector, "source_refused_total", reason="negative") == 2
    await fog_fleet.settle()
    assert fog_fleet.value("page_views_total", "fog/0", env="dev") == 1_000
    assert values_of(collector)["neg", ()] == -3
    assert values_of(collector)["service_check_status", (("check", "db.up"), ("x", "y"))] == 2
    took = values_of(collector)["took_seconds", ()]
    assert isinstance(took, HistogramValue)
    assert (took.count, took.sum) == (2, 0.5)
    events = [(one.name, one.value, one.labels) for one in collector.get_events()]
    assert events.count(("statsd_event", "title é", {"x": "y"})) == 2
    assert events.count(("statsd_service_check", 2, {"x": "y", "check": "db.up"})) == 1, "it changed once"
    assert collector.get_events()[0].metadata["text"] == "two\nlines"


def test_the_client_of_statsd_has_gauges_that_add(tmp_path: Path) -> None:
    """With its prefix, its pipeline and its sets; a mapping lets a counter be decremented."""
    collector = TelemetryCollector()
    mapping = [{"match": "pre.queue.*", "name": "queue", "labels": {"of": "$1"}, "type": "updown", "rollup": ["sum"]}]
    with listening(collector, dialect="statsd", mapping=mapping, buckets="exponential") as listener:
        client = StatsClient("127.0.0.1", listener.readers[0].address.port, prefix="pre")
        with client.pipeline() as pipe:
            pipe.incr("c", 2)
            pipe.timing("t", 320)
            pipe.gauge("g", -5)
            pipe.gauge("g", 2, delta=True)
            pipe.set("s", "me")
        client.incr("queue.mail", 5)
        client.decr("queue.mail", 7)
        client.decr("c")
        client.close()
        taken(collector, 8)
    found = values_of(collector)
    assert found["pre_c_total", ()] == 2
    assert found["pre_g", ()] == -3, "the client sets a gauge below zero by 0 and -5"
    assert found["queue", (("of", "mail"),)] == -2
    assert found["pre_t_seconds", ()].sum == 0.32
    assert own(collector, "source_refused_total", reason="negative") == 1


@pytest.mark.skipif(NODE is None, reason="there is no hot-shots: `make clients` installs it where npm and Node.js are")
@pytest.mark.parametrize("kind", ["udp", "uds"])
def test_hot_shots_is_understood(kind: str, tmp_path: Path) -> None:
    """The client of Node.js, over UDP and a unix socket."""
    if kind == "uds" and not (MODULES / "unix-dgram" / "build").exists():
        pytest.skip("npm could not build unix-dgram, without which hot-shots has no unix sockets")
    collector = TelemetryCollector()
    path = str(tmp_path / "dsd.sock")
    with listening(collector, listen=["127.0.0.1:0", f"unix:{path}"]) as listener:
        where = {"protocol": "uds", "path": path} if kind == "uds" else {"port": listener.readers[0].address.port}
        command = [str(NODE), "-e", HOT_SHOTS, json.dumps(where)]
        subprocess.run(command, env={"NODE_PATH": str(MODULES), "PATH": "/usr/bin"}, check=True, timeout=60)
        taken(collector, 6)
        wait_until(lambda: collector.events_count == 2)
    found = values_of(collector)
    assert found["page_views_total", (("env", "dev"),)] == 3
    assert found["neg", ()] == -3
    assert found["took_seconds", ()].sum == 0.25
    assert found["service_check_status", (("check", "db.up"), ("x", "y"))] == 2
    assert collector.get_events()[0].metadata == {"text": "two\nlines", "alert_type": "error"}


def test_a_flood_is_counted_or_refused_or_dropped_exactly() -> None:
    """One line in a datagram: sent = counted + refused + dropped, and the counter has what was counted."""
    collector = TelemetryCollector()
    sent = wrong = 0
    with (
        listening(collector) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        listener._lock,  # noqa: SLF001 - nobody adds up meanwhile, so that the queue fills up
    ):
        sock.connect(("127.0.0.1", listener.readers[0].address.port))
        while not listener.readers[0].dropped():
            for _ in range(500):
                sock.send(b"flood:1|c|#padding:" + b"x" * 100)
                sock.send(b"flood:-1|c")
            sent, wrong = sent + 1_000, wrong + 500
    counted = own(collector, "statsd_values_total")
    refused = own(collector, "source_refused_total", reason="negative")
    dropped = own(collector, "statsd_dropped_total")
    assert counted + refused + dropped == sent
    assert dropped > 0
    assert own(collector, "statsd_datagrams_total") == counted + refused
    assert values_of(collector)["flood_total", (("padding", "x" * 100),)] == counted
    assert refused <= wrong


def test_a_name_of_the_program_s_own_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The line is refused and named; so is nothing else."""
    collector = TelemetryCollector()
    mine = collector.register_counter("orders_total")
    with listening(collector) as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", listener.readers[0].address.port))
        sock.send(b"orders:1|c\nothers:1|c\ndebug:x")
        taken(collector, 1)
    assert mine.get_value().value == 0
    assert own(collector, "source_refused_total", reason="clash") == 1
    assert "source apps: a line is refused (clash): orders:1|c" in caplog.text
    assert own(collector, "source_up") == 0
