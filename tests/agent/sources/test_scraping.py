"""A target beside real HTTP: what is shown of it, what is counted, what it may not do."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from fog_agent.sources.configuration import SourcesError, parse_sources
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from fog_agent.sources.running import Sources
from fog_agent.sources.scraping import source
from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.page import PageReader
from fog_testing.waiting import wait_until
from tests.agent.sources.exporters import Exporter, page
from tests.certificates import self_signed
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.kinds import HistogramValue


class Node:
    """A collector with sources."""

    def __init__(self, *tables: dict[str, Any], kind: str = "scrape") -> None:
        self.collector = TelemetryCollector(self_metrics=False)
        self.collector.read_every(0.1)
        context = Context(self.collector, SourceMetrics(self.collector), 0.1)
        found = parse_sources({kind: list(tables)})
        self.sources = Sources([make_source(one, context) for one in found], context.metrics)

    def values(self) -> dict[str, dict[tuple[tuple[str, str], ...], Any]]:
        """Return all values by name and labels."""
        found = self.collector.collect()
        return {one.family.name: {each.labels: each.value for each in one.series} for one in found}

    def value(self, name: str, **labels: str) -> Any:
        """Return one value, or None."""
        return self.values().get(name, {}).get(tuple(sorted(labels.items())))

    def wait_for(self, *sources: str) -> None:
        """Wait until sources have been read: on a busy machine the first reading may take too long."""
        wait_until(lambda: all(self.value("fog_agent_source_up", source=source) == 1 for source in sources))


@contextmanager
def running(*tables: dict[str, Any], kind: str = "scrape") -> Iterator[Node]:
    """Run sources."""
    node = Node(*tables, kind=kind)
    node.sources.start()
    try:
        yield node
    finally:
        node.sources.stop()


def table(port: int, **more: Any) -> dict[str, Any]:
    """Return the table of a target that is read often."""
    return {"name": "app", "url": f"http://127.0.0.1:{port}/metrics", "interval": 0.1, "timeout": 0.09, **more}


def test_a_program_with_prometheus_client_is_read() -> None:
    """Its counts from the first reading on, its histogram whole."""
    registry = CollectorRegistry()
    orders = Counter("orders", "Orders", ["kind"], registry=registry)
    seconds = Histogram("work_seconds", "Work", buckets=(0.1, 1.0), registry=registry)
    orders.labels("a").inc(1000)
    seconds.observe(5)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        with running(table(server.server_port)) as node:
            assert node.value("orders_total", job="app", kind="a") == 0
            orders.labels("a").inc(3)
            orders.labels("new").inc(2)
            seconds.observe(0.5)
            wait_until(lambda: node.value("orders_total", job="app", kind="a") == 3)
            assert node.value("work_seconds", job="app") == HistogramValue((0, 1, 0), 0.5)
            assert node.value("orders_total", job="app", kind="new") == 2  # created after the last page
            Counter("late", "Of a family that nobody has seen", registry=registry).inc(4)
            wait_until(lambda: node.value("late_total", job="app") == 4)
            assert "orders_created" not in node.values()
            assert node.value("fog_agent_source_up", source="app") == 1
    finally:
        server.shutdown()
        server.server_close()
        thread.join(40)


@pytest.mark.skipif(not shutil.which("prometheus-node-exporter"), reason="no prometheus-node-exporter is here")
def test_node_exporter_is_read() -> None:
    """Nothing of its page is refused."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with running(table(port, interval=1, timeout=0.9)) as node:
                wait_until(lambda: node.value("fog_agent_source_up", source="app") == 1)
                found = node.values()
                assert sum(map(len, found.values())) > 200
                assert "node_cpu_seconds_total" in found
                assert not any(found["fog_agent_source_refused_total"].values())
        finally:
            process.terminate()


def test_a_target_that_began_anew_while_it_was_away_is_counted_in_full() -> None:
    """By `_created`, also when its count is higher than before."""
    text = "# TYPE c_total counter\nc_total {}\n# TYPE c_created gauge\nc_created {}\n"
    exporter = Exporter(page(text.format(100, 1000)))
    with exporter.listening() as port, running(table(port)) as node:
        node.wait_for("app")
        assert node.value("c_total", job="app") == 0
        exporter.answer = lambda request: request.send_error(503)
        wait_until(lambda: node.value("fog_agent_source_up", source="app") == 0)
        assert node.value("c_total", job="app") == 0
        exporter.answer = page(text.format(150, 1500))
        wait_until(lambda: node.value("c_total", job="app") == 150)
        exporter.answer = page(text.format(7, 1500))  # a series of its own: the fleet adds up those that ended
        wait_until(lambda: node.value("c_total", job="app") == 7)


def test_a_histogram_of_which_a_bucket_fell_began_anew() -> None:
    """All of it, though more was counted than before."""
    text = '# TYPE h histogram\nh_bucket{{le="1"}} {}\nh_bucket{{le="+Inf"}} {}\nh_sum {}\nh_count {}\n'
    exporter = Exporter(page(text.format(5, 6, 9, 6)))
    with exporter.listening() as port, running(table(port)) as node:
        node.wait_for("app")
        assert node.value("h", job="app") == HistogramValue((0, 0), 0)
        exporter.answer = page(text.format(4, 10, 20, 10))
        wait_until(lambda: node.value("h", job="app") == HistogramValue((4, 6), 20.0))


def test_gauges_of_a_target_that_is_away_end_and_counts_stay() -> None:
    """After three intervals."""
    exporter = Exporter(page("g 5\nc_total 1\n"))
    with exporter.listening() as port, running(table(port)) as node:
        node.wait_for("app")
        assert node.value("g", job="app") == 5
        exporter.answer = page("g 5\nc_total 4\n")
        wait_until(lambda: node.value("c_total", job="app") == 3)
        exporter.answer = lambda request: request.send_error(500)
        wait_until(lambda: node.value("g", job="app") is None)
        assert node.value("c_total", job="app") == 3
        exporter.answer = page("g 6\nc_total 5\n")
        wait_until(lambda: node.value("g", job="app") == 6)
        assert node.value("c_total", job="app") == 4


def test_two_targets_share_a_family_and_fail_each_by_itself() -> None:
    """One that hangs for ever keeps neither the other one nor the end."""
    free = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        free.wait(30)

    first, second = Exporter(page("c_total 1\n")), Exporter(hang)
    with first.listening() as port, second.listening() as hanging:
        try:
            with running(table(port), table(hanging, name="other"), table(port, name="third", job="x")) as node:
                node.wait_for("app", "third")
                first.answer = page("c_total 3\n")
                wait_until(lambda: node.value("c_total", job="app") == node.value("c_total", job="x") == 2)
                wait_until(lambda: node.value("fog_agent_source_up", source="other") == 0)
                begun = time.monotonic()
        finally:
            free.set()
        assert begun > 0


def answer_slowly(request: BaseHTTPRequestHandler) -> None:
    """Answer a byte now and then, each within any timeout of its own."""
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(200):
            request.wfile.write(b"#")
            request.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


def redirect(request: BaseHTTPRequestHandler) -> None:
    """Send the client elsewhere."""
    request.send_response(302)
    request.send_header("Location", "http://192.0.2.1/metrics")
    request.end_headers()


def cut(request: BaseHTTPRequestHandler) -> None:
    """End within the page."""
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b"a 1\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answer_slowly, "did not answer within"),
        (redirect, "answered 302 Found, and sends to 'http://192.0.2.1/metrics', where nobody goes"),
        (cut, "cut short"),
        (page("a 1"), "cut short"),
        (page("a 1\n" * 30), "longer than 100 bytes"),
        (page("a 1\n", "application/openmetrics-text; version=1.0.0"), "answered in 'application/openmetrics-text"),
    ],
)
def test_a_page_that_is_none_is_told(answer: Any, words: str, caplog: pytest.LogCaptureFixture) -> None:
    """The source is down, with the reason in the log, and nothing of the page is taken."""
    with Exporter(answer).listening() as port, running(table(port, most_bytes=100)) as node:
        wait_until(lambda: words in caplog.text)
        assert node.value("fog_agent_source_up", source="app") == 0
        assert node.value("a", job="app") is None


def test_credentials_and_a_unix_socket(tmp_path: Path) -> None:
    """Read from their files at each request."""
    secret, path = tmp_path / "secret", tmp_path / "s"
    secret.write_text("first\n")
    exporter = Exporter(page("a 1\n"))
    named = {"name": "app", "socket": str(path), "interval": 0.1, "timeout": 0.09}
    with exporter.listening(unix=path), running({**named, "bearer_file": str(secret)}) as node:
        wait_until(lambda: node.value("a", job="app") == 1)
        assert exporter.headers["Authorization"] == "Bearer first"
        assert exporter.headers["Accept"].startswith("text/plain;version=0.0.4")
        secret.write_text("second\n")
        wait_until(lambda: exporter.headers["Authorization"] == "Bearer second")
    path.unlink()
    with exporter.listening(unix=path), running({**named, "username": "u", "password_file": str(secret)}):
        assert exporter.headers["Authorization"] == "Basic dTpzZWNvbmQ="


def test_a_certificate_is_checked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Against the file that was given, or the system's."""
    own = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert, own.key)
    with Exporter(page("a 1\n")).listening(context=context) as port:
        here = table(port, url=f"https://127.0.0.1:{port}/metrics", interval=1, timeout=0.9)
        with running({**here, "ca_file": own.cert}) as node:
            assert node.value("a", job="app") == 1
        with running(here) as node:
            wait_until(lambda: "certificate verify failed" in caplog.text)
            assert node.value("a", job="app") is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"url": "http://10.0.0.1/metrics"}, "is another machine, which anybody between can read and forge"),
        ({"url": "ftp://localhost/"}, "must be http://HOST"),
        ({"url": "http://u:p@localhost/"}, "credentials have own keys"),
        ({"url": "http://localhost:99999/"}, "out of range"),
        ({"url": "http://localhost/a b"}, "has more than a host"),
        ({"timeout": 0.1}, "timeout = 0.1: must be less than the interval"),
        ({"labels": {"le": "x"}}, "'le' is no name"),
        ({"labels": {"a": 1}}, "must be a table of texts"),
        ({"username": "u"}, "username and password_file go together"),
        ({"ca_file": "x"}, "are for https"),
        ({"most_series": 0}, "most_series = 0: must be a whole number from 1"),
    ],
)
def test_a_table_that_cannot_be_used(more: dict[str, Any], words: str) -> None:
    """An error names the key and the value."""
    with pytest.raises(SourcesError) as raised:
        parse_sources({"scrape": [table(1, **more)]})
    assert words in str(raised.value)
    assert "[[scrape]] number 1 ('app'): " in str(raised.value)


def test_another_machine_may_be_asked_where_that_is_wanted() -> None:
    """Encrypted, or said to be insecure; an url is needed without a socket."""
    parse_sources({"scrape": [table(1, url="https://10.0.0.1/metrics"), table(1, name="b", insecure=True)]})
    with pytest.raises(SourcesError, match="url is missing"):
        parse_sources({"scrape": [{"name": "a"}]})


def test_what_is_remembered_is_bounded() -> None:
    """A target whose series are others on each page."""
    reader = PageReader(Families({}), 10)
    for number in range(50):
        reader.read("".join(f"n{number}_{one} 1\n" for one in range(5)).encode(), 1.0)
        assert len(reader._known) <= 10  # noqa: SLF001 - what is held cannot be seen otherwise


def test_a_reading_that_hangs_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeout ends the look-up of a name: the thread hangs, and `up` is 0 all the same."""
    free = threading.Event()
    exporter = Exporter(page("g 5\n"))
    with exporter.listening() as port, running(table(port)) as node:
        wait_until(lambda: node.value("fog_agent_source_up", source="app") == 1)
        monkeypatch.setattr(source, "PATIENCE", 0.1)
        monkeypatch.setattr(socket, "create_connection", lambda *_: free.wait(30))
        try:
            wait_until(lambda: node.value("fog_agent_source_up", source="app") == 0)
            wait_until(lambda: node.value("g", job="app") is None)
        finally:
            monkeypatch.undo()
            free.set()


def has_counted(node: Node, count: int) -> bool:
    """Tell whether the shared counter is so high."""
    return bool(node.value("c_total", job="x") == count)


def test_a_series_of_two_targets_is_the_first_one_s(caplog: pytest.LogCaptureFixture) -> None:
    """It never goes to and fro; where the first one stops telling it, the other's past is not counted."""
    first, second = Exporter(page("c_total 1000\n")), Exporter(page("c_total 50\n"))
    with (
        first.listening() as one,
        second.listening() as two,
        running(table(one, job="x"), table(two, name="other", job="x")) as node,
    ):
        node.wait_for("app", "other")
        for count in range(1, 4):
            first.answer, second.answer = page(f"c_total {1000 + count}\n"), page(f"c_total {50 + 9 * count}\n")
            wait_until(partial(has_counted, node, count))
        first.answer = page("g 1\n")
        wait_until(lambda: node.value("c_total", job="x") == 0)  # a series of its own
        second.answer = page("c_total 79\n")
        wait_until(lambda: node.value("c_total", job="x") == 2)
    assert caplog.text.count("c_total") == 1


def test_a_page_that_is_made_while_a_program_counts_counts_nothing_twice() -> None:
    """One observation is in +Inf and not yet in le=1, and then in both: cumulative buckets never fell."""
    text = '# TYPE h histogram\nh_bucket{{le="1"}} {}\nh_bucket{{le="+Inf"}} {}\nh_sum {}\nh_count {}\n'
    exporter = Exporter(page(text.format(5, 6, 9, 6)))
    with exporter.listening() as port, running(table(port)) as node:
        node.wait_for("app")
        exporter.answer = page(text.format(5, 7, 9.5, 7))
        wait_until(lambda: node.value("h", job="app") == HistogramValue((0, 1), 0.5))
        exporter.answer = page(text.format(7, 8, 10, 8))
        wait_until(lambda: node.value("h", job="app") == HistogramValue((1, 1), 1.0))
        exporter.answer = page(text.format(8, 9, 11, 9))
        wait_until(lambda: node.value("h", job="app") == HistogramValue((2, 1), 2.0))
