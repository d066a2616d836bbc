"""Measure what a source on a node costs for each thing that it takes: microseconds, the least of some runs.

python benchmarks/sources.py [NAME ...]

Each benchmark is a function that yields rows: what was measured, how much one takes, and the unit.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from fog_agent.sources.outside import OutsideTotals
from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.page import PageReader
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import wait_until
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import FamilySnapshot

RUNS: Final = 7
FOG: Final = str(Path(sys.executable).with_name("fog"))
"""The console script, as pip installs it."""


class Row(NamedTuple):
    """One figure."""

    what: str
    value: float
    unit: str


def least(run: Callable[[], object], count: int) -> float:
    """Return the microseconds of one of `count` things that `run` does, the least of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begun)
    return best / count * 1e6


def scrape() -> Iterator[Row]:
    """Read pages of 2,000 samples, two thirds of them other than on the page before, as a target's are read.

    In processor time, as the collector asks on a thread of its own. The first page, with all its series new, comes
    before what is measured.
    """
    types = "".join(f"# TYPE requests_{one}_total counter\n" for one in range(20))
    reader, collector = PageReader(Families({"job": "shop"}), 10_000), TelemetryCollector(self_metrics=False)
    latest: list[FamilySnapshot] = []
    OutsideTotals.of(collector).add("shop", lambda: latest)
    reading, making = [], []
    for number in range(6 * RUNS):
        lines = [
            f'requests_{one // 100}_total{{path="/a/{one}",code="200"}} {one * 7 + number * min(one % 3, 1)}\n'
            for one in range(2000)
        ]
        body = (types + "".join(lines)).encode()
        begun = time.process_time()
        latest = reader.read(body, 1.0).families
        read = time.process_time()
        collector.refresh()
        reading.append((read - begun) / 2000 * 1e6)
        making.append((time.process_time() - read) / 2000 * 1e6)
    yield Row("a sample, read", min(reading[1:]), "us")
    yield Row("a sample, made an increment", min(making[1:]), "us")
    yield Row("a sample of the first page, read and made a series", reading[0] + making[0], "us")
    client = least(lambda: sum(len(one.samples) for one in text_string_to_metric_families(body.decode())), 2000)
    yield Row("a sample, read by prometheus_client's parser", client, "us")


def filters() -> Iterator[Row]:
    """Judge series by five rules, as an agent does where it first meets each. Their samples cost nothing more."""
    from fog_agent.core.filters.parsing import RELABEL_KEY, parse_filters
    from fog_agent.core.filters.rules import NAME

    rules = parse_filters(
        {
            RELABEL_KEY: [
                {"source_labels": [NAME], "regex": "noise_.*", "action": "drop"},
                {"source_labels": [NAME], "regex": "(http|node)_.*", "action": "keep"},
                {"regex": "pod", "action": "labeldrop"},
                {"source_labels": ["zone"], "regex": "(eu)-[0-9]", "target_label": "zone"},
                {"source_labels": ["code"], "regex": "5..", "action": "drop"},
            ]
        }
    )
    series = [
        {NAME: "http_requests_total", "path": f"/{one}", "zone": "eu-1", "code": "200", "pod": "a"}
        for one in range(1_000)
    ]
    yield Row("a series, judged once by five rules", least(lambda: [rules.decide(one) for one in series], 1_000), "us")


def jobs() -> Iterator[Row]:
    """Measure the processor time of whole processes: `fog run` around `true`, and `fog emit`, of an installed wheel."""
    from fog_agent.sources.datagrams import DatagramReader, read_address, receive_with_sender

    with tempfile.TemporaryDirectory() as folder:
        python = str(installed(Path(folder)))
        light = (
            "import sys; sys.path.append(sys.argv.pop(1)); from fog_cli.jobs.entry import main; sys.exit(main())",
            *map(str, Path(folder).glob("lib/python*/site-packages")),
        )
        commands = {
            "true": ["/bin/true"],
            "python -c pass": [python, "-c", "pass"],
            "python -IS -c pass": [python, "-IS", "-c", "pass"],
        }
        for fog, words in (
            ([str(Path(python).with_name("fog"))], "as installed from the wheel"),
            ([python, "-IS", "-c", *light], "a script of two lines"),
        ):
            commands[f"fog emit, {words}"] = [*fog, "emit", "a_total", "1"]
            commands[f"fog run -- true, {words}"] = [*fog, "run", "--", "/bin/true"]
        environ = os.environ | {"FOG_SOCKET": f"{folder}/jobs.sock", "FOG_SPOOL": f"{folder}/spool"}
        reader = DatagramReader(
            "jobs", read_address(f"unix:{folder}/jobs.sock"), receive_with_sender, lambda _: None, lambda _: None
        )
        reader.start()
        for what, spent in median_cpu(commands, environ).items():
            yield Row(what, spent, "ms")
        reader.stop()
        for what, spent in median_cpu(commands, environ).items():
            if "fog" in what:
                yield Row(f"{what}, no agent", spent, "ms")


def installed(folder: Path) -> Path:
    """Build the wheel, and install it into a new environment in a folder; return the Python there."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=Path(__file__).parent.parent, check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, *map(str, folder.glob("*.whl"))], check=True)
    return python


def median_cpu(commands: dict[str, list[str]], environ: dict[str, str]) -> dict[str, float]:
    """Return the milliseconds of processor time that each process takes with its children, the median of 51 rounds."""
    found: dict[str, list[float]] = {what: [] for what in commands}
    for _ in range(51):
        for what, argv in commands.items():
            pid = os.posix_spawn(argv[0], argv, environ)
            _, status, usage = os.wait4(pid, 0)
            assert status == 0, argv
            found[what].append(1_000 * (usage.ru_utime + usage.ru_stime))
    return {what: median(times) for what, times in found.items()}


def otlp() -> Iterator[Row]:
    """Parse and fold points of OTLP, each with three attributes, of series that are known."""
    from fog_agent.sources.otlp.folding import Fold
    from fog_agent.sources.otlp.request import Parser

    request, parser, fold = request_of(1_000), Parser(), Fold(0)
    yield Row("a point, parsed", least(lambda: parser.parse(request), 1_000), "us")
    yield Row("a point, parsed and folded", least(lambda: fold.apply(parser.parse(request), 1.0), 1_000), "us")


def request_of(count: int, value: int = 0, began: int = 10**18) -> bytes:
    """Return a request of OTLP with so many points of a counter; `began` in nanoseconds since 1970."""
    from utilityfog_frontend.telemetry.exposition.wire import block, fixed, integer, key, text

    def attributes(number: int) -> bytes:
        pairs = {"method": "GET", "path": f"/{number}", "code": "200"}
        return b"".join(block(7, text(1, name) + block(2, text(1, value))) for name, value in pairs.items())

    points = [
        block(1, fixed(2, began) + fixed(3, began + 1) + key(6, 1) + value.to_bytes(8, "little") + attributes(number))
        for number in range(count)
    ]
    body = b"".join(points) + integer(2, 2) + integer(3, 1)
    return block(1, block(1, b"") + block(2, block(2, text(1, "posts") + block(7, body))))


def statsd() -> Iterator[Row]:
    """Add up lines, alone and in datagrams, and read datagrams from a socket."""
    from fog_agent.sources.datagrams import receive
    from fog_agent.sources.statsd.plan import Plan
    from fog_agent.sources.statsd.totals import Totals

    count = 10_000
    totals = Totals(Plan("dogstatsd"))

    def take(lines: bytes, times: int) -> None:
        for _ in range(times):
            totals.take(lines, 0.0)

    for what, line in (
        ("a counter with two tags", b"page.views:1|c|#env:dev,host:a"),
        ("a timer", b"took:320|ms|#env:dev"),
        ("a gauge with a fraction", b"temperature:-3.5|g"),
        ("a counter with a time, looked up each time", b"page.views:1|c|#env:dev|T1700000000"),
    ):
        yield Row(f"a line: {what}", least(partial(take, line, count), count), "us")
    for_all = b"\n".join([b"page.views:1|c|#env:dev,host:a"] * 30)
    yield Row("a line, 30 in a datagram", least(partial(take, for_all, 300), 9_000), "us")
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*kind) as sock, socket.socket(*kind) as to:
        to.bind(("127.0.0.1", 0))
        to.settimeout(0)
        sock.connect(to.getsockname())
        best = float("inf")
        for _ in range(RUNS):
            for _ in range(200):
                sock.send(b"page.views:1|c")
            begun = time.perf_counter()
            for _ in range(200):
                receive(to)
            best = min(best, (time.perf_counter() - begun) / 200 * 1e6)
        yield Row("a datagram: received", best, "us")


class Node(NamedTuple):
    """One `fog agent` with its sources' places.

    Attributes:
        folder: Has its file of sources, its state and its jobs' socket.
        scraped: Port of the exporter that it scrapes.
        statsd: UDP port where it takes lines.
        otlp: TCP port where it takes posts.
    """

    folder: Path
    scraped: int
    statsd: int
    otlp: int

    def tables(self) -> dict[str, str]:
        """Return a table of the file of sources for each kind."""
        return {
            "scrape": f'[[scrape]]\nname = "shop"\nurl = "http://127.0.0.1:{self.scraped}/metrics"\ninterval = 1\n',
            "textfile": f'[[textfile]]\nname = "scripts"\ndirectory = "{self.folder}"\n',
            "statsd": f'[[statsd]]\nname = "apps"\nlisten = ["127.0.0.1:{self.statsd}"]\ndialect = "dogstatsd"\n',
            "otlp": f'[[otlp]]\nname = "otel"\nlisten = "127.0.0.1:{self.otlp}"\n',
            "jobs": f'[jobs]\nsocket = "{self.folder}/jobs.sock"\nspool = "{self.folder}/spool"\n',
        }

    def is_there(self, kinds: tuple[str, ...]) -> bool:
        """Tell whether the agent takes lines, what is posted, and what jobs tell."""
        if "statsd" in kinds and f":{self.statsd:04X} " not in Path("/proc/net/udp").read_text():
            return False
        with socket.socket() as sock:
            listens = "otlp" not in kinds or not sock.connect_ex(("127.0.0.1", self.otlp))
        return listens and ("jobs" not in kinds or (self.folder / "jobs.sock").exists())

    def feed(self, kinds: tuple[str, ...]) -> None:
        """Tell each source something: a series for jobs and text files, ten of statsd, a hundred of OTLP."""
        if "statsd" in kinds:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for number in range(10):
                    sock.sendto(f"lines:1|c|#page:{number}".encode(), ("127.0.0.1", self.statsd))
        if "otlp" in kinds:
            body, kind = request_of(100, 1, time.time_ns()), {"Content-Type": "application/x-protobuf"}
            post = urllib.request.Request(f"http://127.0.0.1:{self.otlp}/v1/metrics", body, kind)
            urllib.request.urlopen(post, timeout=10).close()
        if "jobs" in kinds:
            environ = os.environ | {"FOG_SOCKET": f"{self.folder}/jobs.sock", "FOG_SPOOL": f"{self.folder}/spool"}
            subprocess.run([FOG, "emit", "--sync", "told_total", "1"], env=environ, check=True)


COUNTED: Final = {
    "scrape": "requests_total",
    "textfile": "",
    "statsd": "lines_total",
    "otlp": "posts_total",
    "jobs": "told_total",
}
"""The counter that each kind of source has once it was fed; a file of text has gauges here, which no ledger has."""


def memory() -> Iterator[Row]:
    """Read the resident memory of real agents, all fed, with each kind of source, without any, and with all.

    The exporter is prometheus_client's, with 1,000 series that rise before each reading of the memory.
    """
    registry = CollectorRegistry()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    requests = Counter("requests", "Requests", ["path"], registry=registry)
    series = [requests.labels(f"/a/{number}") for number in range(1_000)]

    def rise() -> None:
        for one in series:
            one.inc()

    server, thread = start_http_server(0, "127.0.0.1", registry)
    with tempfile.TemporaryDirectory() as folder, NatsServer() as nats:
        subprocess.run([FOG, "streams", "apply", "--nats", nats.url], check=True, stdout=subprocess.DEVNULL)
        choices: list[tuple[str, ...]] = [(), *((kind,) for kind in COUNTED), tuple(COUNTED)]
        for kinds in choices:
            place = Path(folder, "-".join(kinds) or "host")
            place.mkdir()
            (place / "scripts.prom").write_text("files_saved 7\n")
            node = Node(place, server.server_port, free_port(), free_port())
            for state, size in memory_of(node, kinds, nats.url, rise).items():
                words = "no source" if not kinds else "all sources" if len(kinds) > 1 else kinds[0]
                yield Row(f"fog agent, {words}: {state}", size, "MB")
    server.shutdown()
    thread.join()


def memory_of(node: Node, kinds: tuple[str, ...], url: str, rise: Callable[[], None]) -> dict[str, float]:
    """Return the resident and the most resident memory of an agent in MB, ten intervals after it was fed."""
    file, ledger = node.folder / "sources.toml", node.folder / "ledger.json"
    file.write_text("".join(node.tables()[kind] for kind in kinds))
    options = ["--interval", "1s", "--nats", url, "--state-dir", f"{node.folder}/state", "--ledger", str(ledger)]
    agent = subprocess.Popen([FOG, "agent", "--path", f"fog/{node.folder.name}", "--sources", str(file), *options])
    try:
        wait_until(partial(node.is_there, kinds), deadline=60)
        time.sleep(4)  # its first readings are baselines
        node.feed(kinds)
        for _ in range(10):
            rise()
            time.sleep(1)
        status = Path(f"/proc/{agent.pid}/status").read_text()
    finally:
        agent.terminate()
        agent.wait(20)
    counted = json.loads(ledger.read_text())
    assert all(counted[COUNTED[kind]] for kind in kinds if COUNTED[kind]), counted
    sizes = re.findall(r"^Vm(RSS|HWM):\s+(\d+) kB$", status, re.MULTILINE)
    return {name: int(size) * 1024 / 1e6 for name, size in sizes}


BENCHMARKS: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "scrape": scrape,
    "filters": filters,
    "jobs": jobs,
    "otlp": otlp,
    "statsd": statsd,
    "memory": memory,
}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which; all by default")
    for name in parser.parse_args().names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            print(f"{name:10} {row.what:60} {row.value:10.2f} {row.unit}")


if __name__ == "__main__":
    main()
