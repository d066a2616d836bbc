"""Measure what a source on a node costs for each thing that it takes: microseconds, the least of some runs.

python benchmarks/sources.py [NAME ...]

Each benchmark is a function that yields rows: what was measured, how much one takes, and the unit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.page import PageReader

RUNS: Final = 7


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
    """Read pages of 2,000 samples, two thirds of them other than on the page before, as a target's are read."""
    pages = []
    for number in range(RUNS + 1):
        lines = [
            f'requests_{one // 100}_total{{path="/a/{one}",code="200"}} {one * 7 + number * min(one % 3, 1)}\n'
            for one in range(2000)
        ]
        types = [f"# TYPE requests_{one}_total counter\n" for one in range(20)]
        pages.append("".join(types + lines).encode())
    reader, bodies = PageReader(Families({"job": "shop"}), 10_000), iter(pages[1:])
    reader.read(pages[0], 0.0)
    yield Row("a sample, read and made a series", least(lambda: reader.read(next(bodies), 1.0), 2000), "us")
    client = least(lambda: sum(len(one.samples) for one in text_string_to_metric_families(pages[0].decode())), 2000)
    yield Row("a sample, read by prometheus_client's parser", client, "us")


def jobs() -> Iterator[Row]:
    """Measure the processor time of a whole process: `fog run` around `true`, and `fog emit`; the median of some."""
    from fog_agent.sources.datagrams import DatagramReader, read_address, receive_with_sender

    light = f"import sys; sys.path[:0] = {sys.path!r}; from fog_cli.jobs.entry import main; sys.exit(main())"
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -IS -c pass": [sys.executable, "-IS", "-c", "pass"],
    }
    for flags, words in (("-IS", "a script of two lines"), ("-s", "with site, as a console script")):
        python = [sys.executable, flags, "-c", light]
        commands[f"fog emit, {words}"] = [*python, "emit", "a_total", "1"]
        commands[f"fog run -- true, {words}"] = [*python, "run", "--", "/bin/true"]
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"FOG_SOCKET": f"{folder}/jobs.sock", "FOG_SPOOL": f"{folder}/spool"}
        for away in (False, True):
            reader = DatagramReader(
                "jobs", read_address(f"unix:{folder}/jobs.sock"), receive_with_sender, lambda _: None
            )
            if not away:
                reader.start()
            for what, argv in commands.items():
                yield Row(f"{what}{', no agent' if away else ''}", median_cpu(argv, environ), "ms")
            reader.stop()
            commands = {what: argv for what, argv in commands.items() if "fog" in what}


def median_cpu(argv: list[str], environ: dict[str, str]) -> float:
    """Return the milliseconds of processor time that a process and its children take, the median of 21."""
    found = []
    for _ in range(3 * RUNS):
        pid = os.posix_spawn(argv[0], argv, environ)
        _, status, usage = os.wait4(pid, 0)
        assert status == 0, argv
        found.append(1_000 * (usage.ru_utime + usage.ru_stime))
    return median(found)


def otlp() -> Iterator[Row]:
    """Parse and fold points of OTLP, each with three attributes, of series that are known."""
    from fog_agent.sources.otlp.folding import Fold
    from fog_agent.sources.otlp.request import Parser
    from utilityfog_frontend.telemetry.exposition.wire import block, fixed, integer, key, text

    def attributes(number: int) -> bytes:
        pairs = {"method": "GET", "path": f"/{number}", "code": "200"}
        return b"".join(block(7, text(1, name) + block(2, text(1, value))) for name, value in pairs.items())

    points = [
        block(1, fixed(2, 10**18) + fixed(3, 10**18 + 1) + key(6, 1) + bytes(8) + attributes(number))
        for number in range(1_000)
    ]
    body = b"".join(points) + integer(2, 2) + integer(3, 1)
    request = block(1, block(1, b"") + block(2, block(2, text(1, "requests") + block(7, body))))
    parser, fold = Parser(), Fold(0)
    yield Row("a point, parsed", least(lambda: parser.parse(request), 1_000), "us")
    yield Row("a point, parsed and folded", least(lambda: fold.apply(parser.parse(request), 1.0), 1_000), "us")


def statsd() -> Iterator[Row]:
    """Add up lines, alone and in datagrams, and read datagrams from a socket."""
    import socket

    from fog_agent.sources.datagrams import receive
    from fog_agent.sources.statsd.plan import Plan
    from fog_agent.sources.statsd.totals import Totals

    count = 10_000
    totals = Totals(Plan("dogstatsd"))
    for what, line in (
        ("a counter with two tags", b"page.views:1|c|#env:dev,host:a"),
        ("a timer", b"took:320|ms|#env:dev"),
        ("a gauge with a fraction", b"temperature:-3.5|g"),
        ("a counter with a time, looked up each time", b"page.views:1|c|#env:dev|T1700000000"),
    ):
        yield Row(
            f"a line: {what}", least(lambda line=line: [totals.take(line, 0.0) for _ in range(count)], count), "us"
        )
    for_all = b"\n".join([b"page.views:1|c|#env:dev,host:a"] * 30)
    yield Row("a line, 30 in a datagram", least(lambda: [totals.take(for_all, 0.0) for _ in range(300)], 9_000), "us")
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


BENCHMARKS: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "scrape": scrape,
    "jobs": jobs,
    "otlp": otlp,
    "statsd": statsd,
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
