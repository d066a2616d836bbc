"""Counters and histograms of a collector with a journal: the same values as in memory, and in the file at once."""

from __future__ import annotations

import dis
import errno
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.telemetry.helpers import SWITCHES, problems, value
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.journal.files import SET_ASIDE, left_files
from utilityfog_frontend.telemetry.journal.reading import read
from utilityfog_frontend.telemetry.model import HistogramValue, MetricValue, Value


@pytest.fixture
def journals(tmp_path: Path) -> Path:
    """Provide a directory for journals."""
    return tmp_path / "journals"


def images(journals: Path) -> Iterator[bytes]:
    """Yield what stands in each file."""
    yield from (path.read_bytes() for path in sorted(journals.glob("*.journal")))


def counted(journals: Path) -> dict[str, Value]:
    """Return what a kill at this moment leaves, by name and label values."""
    return {
        ",".join([series.family.name, *(value for _, value in series.labels)]): series.value
        for image in images(journals)
        for epoch in read(image).epochs
        for series in epoch.series
        if series.family.name != "telemetry_problems_total"
    }


def number(value: MetricValue | list[MetricValue]) -> float:
    """Return a counter's value."""
    assert isinstance(value, MetricValue)
    return value.value


def test_each_increment_is_in_the_file_when_it_returns(journals: Path) -> None:
    """Whole counts stay whole, the first fraction makes a fraction, and both read as in memory."""
    collector = TelemetryCollector(journal=journals)
    orders, in_memory = (
        collector.register_counter("orders_total"),
        TelemetryCollector().register_counter("orders_total"),
    )
    total = 0.0
    for amount in (1, 5, 2**40, True, 3.0, 0.5, 0.1, 1, 10**15):
        orders.increment(amount)
        in_memory.increment(amount)
        total += amount
        shown = number(orders.get_value())
        assert shown == pytest.approx(number(in_memory.get_value()), rel=1e-15)
        assert (shown, type(shown)) == (counted(journals)["orders_total"], type(number(in_memory.get_value())))
    with pytest.raises(ValueError, match="non-negative"):
        orders.increment(-1)
    orders.increment(float("nan"))
    assert counted(journals)["orders_total"] == pytest.approx(total)


def test_a_count_stays_at_the_largest_that_travels(journals: Path) -> None:
    """It neither raises into the program nor begins anew."""
    orders = TelemetryCollector(journal=journals).register_counter("orders_total")
    for amount in (2**63 - 1, 1, 2**62):
        orders.increment(amount)
        assert counted(journals)["orders_total"] == 2**63 - 1


def test_observations_are_in_the_file_when_they_return(journals: Path) -> None:
    """In their buckets and in the sum; a value that is no finite number is dropped and counted."""
    collector = TelemetryCollector(journal=journals)
    sizes = collector.register_histogram("sizes", "", [1, 10])
    for observed in (0.5, 1, 1.5, 10, 11, -3.25, float("nan"), float("inf"), 10**400 if sys.maxsize else 0):
        sizes.observe(observed)
    with pytest.raises(TypeError):
        sizes.observe("much")  # type: ignore[arg-type]
    assert counted(journals)["sizes"] == HistogramValue((3, 2, 1), 20.75)
    problems: Any = collector.get_metric("telemetry_problems_total")
    assert number(problems.labels("not_finite").get_value()) == 3


def test_removed_reset_and_idle_children_stay_until_they_are_sent(journals: Path) -> None:
    """Each incarnation has a place of its own; what comes back under the same labels begins another."""
    collector = TelemetryCollector(journal=journals)
    jobs = collector.register_counter("jobs_total", "", ["job"], max_children=2)
    for _ in range(3):
        jobs.labels("a").increment(2)
        jobs.remove("a")
    jobs.labels("b").increment()
    jobs.reset()
    kept = jobs.labels("b")
    kept.increment(7)
    for name in "cdef":
        jobs.labels(name).increment()
    values = [
        (dict(series.labels)["job"], series.removed, series.value)
        for image in images(journals)
        for series in read(image).epochs[0].series
        if series.family.name == "jobs_total"
    ]
    assert sorted(values) == [
        *[("a", True, 2)] * 3,
        ("b", False, 7),
        ("b", True, 1),
        ("c", False, 1),
        ("~overflow", False, 3),
    ]


def test_what_no_counter_can_hold_is_dropped_and_counted(journals: Path) -> None:
    """An increment of 2^63 is not one of 2^63 - 1; a sum that grows beyond stays there."""
    collector = TelemetryCollector(journal=journals)
    orders = collector.register_counter("orders_total")
    orders.increment(2**63)
    assert (value(collector, "orders_total"), problems(collector)) == (0, {"not_finite": 1})
    orders.increment(2**63 - 1)
    orders.increment(2)
    assert (value(collector, "orders_total"), problems(collector)) == (2**63 - 1, {"not_finite": 1})


def test_many_threads_lose_nothing(journals: Path) -> None:
    """All write to the same series while the interpreter changes threads as often as it can."""
    collector = TelemetryCollector(journal=journals)
    orders, sizes = collector.register_counter("orders_total"), collector.register_histogram("sizes", "", [1, 2])
    each, threads = 4_000, 6

    def work() -> None:
        for turn in range(each):
            orders.increment()
            orders.increment(2)
            sizes.observe(turn % 4)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [threading.Thread(target=work) for _ in range(threads)]
        for thread in running:
            thread.start()
        while any(thread.is_alive() for thread in running):  # what is read is of one moment
            snapshot = counted(journals).get("sizes")
            if isinstance(snapshot, HistogramValue):
                assert 0 <= snapshot.sum <= 3 * snapshot.count
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert counted(journals)["orders_total"] == each * threads * 3
    quarter = each * threads // 4
    assert counted(journals)["sizes"] == HistogramValue((2 * quarter, quarter, quarter), 6.0 * quarter)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="it is about the interpreter's instructions")
def test_the_stores_of_a_write_are_one_step_to_the_interpreter(journals: Path) -> None:
    """From the first read of a cell to the last store no instruction is one at which threads or handlers change."""
    collector = TelemetryCollector(journal=journals)
    orders, sizes = collector.register_counter("orders_total"), collector.register_histogram("sizes")
    ones: Any = orders._ones  # noqa: SLF001
    one: Callable[..., Any] = ones.__reduce__()[1][0]
    writes: list[Callable[..., Any]] = [one, *(metric._pending.append for metric in (orders, sizes))]  # noqa: SLF001
    for write in writes:
        code = [step for step in dis.get_instructions(write) if step.opname != "CACHE"]
        stores = [place for place, step in enumerate(code) if step.opname == "STORE_SUBSCR"]
        assert stores
        for place in stores:
            last = max(at for at in range(place) if code[at].opname in SWITCHES)
            since = {(step.opname, step.argval) for step in code[last:place]}
            read = any(name == "BINARY_SUBSCR" for name, _ in since) or ("STORE_DEREF", "total") in since
            assert read or ("LOAD_GLOBAL", "MOST") in since


def test_a_forked_child_has_a_journal_of_its_own(journals: Path) -> None:
    """The parent's counts are the parent's, the child's are left when it ends by `os._exit`, and nothing else of it."""
    collector = TelemetryCollector(journal=journals)
    orders = collector.register_counter("orders_total")
    orders.increment(5)
    child = os.fork()
    if not child:
        orders.increment(2)
        os._exit(0)
    os.waitpid(child, 0)
    orders.increment()
    [left] = left_files(journals)
    assert [series.value for series in read(left.image()).epochs[0].series] == [2]
    left.close()
    assert sorted(series.value for image in images(journals) for series in read(image).epochs[0].series) == [2, 6]  # type: ignore[type-var]


def test_a_living_journal_is_locked_whatever_its_children_do(journals: Path) -> None:
    """Nobody takes it while its process lives; when that is dead, a child that lives does not keep it."""
    program = (
        "import os, sys, time\n"
        "from utilityfog_frontend.telemetry import TelemetryCollector\n"
        "orders = TelemetryCollector(journal=sys.argv[1]).register_counter('orders_total')\n"
        "orders.increment(3)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    orders.increment(4)\n"
        "    os.write(1, b'child\\n')\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "os.write(1, b'parent\\n')\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(journals)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        lines = {parent.stdout.readline(), parent.stdout.readline()}
        try:
            assert b"child\n" in lines
            assert list(left_files(journals)) == []
        finally:
            parent.kill()
            parent.wait()
        [left] = left_files(journals)
        assert [series.value for series in read(left.image()).epochs[0].series] == [3]
        left.close()


def test_a_journal_with_nothing_to_say_is_deleted_at_the_end(journals: Path) -> None:
    """A program that counted leaves its file for the next agent, one that did not leaves none."""
    collector = TelemetryCollector(journal=journals)
    orders = collector.register_counter("orders_total")
    del collector, orders
    gc.collect()
    assert list(images(journals)) == []
    program = (
        "import sys\n"
        "from utilityfog_frontend.telemetry import TelemetryCollector\n"
        "TelemetryCollector(journal=sys.argv[1]).register_counter('orders_total').increment(int(sys.argv[2]))\n"
    )
    for amount, files in (("0", 0), ("3", 1)):
        subprocess.run([sys.executable, "-c", program, str(journals), amount], check=True, timeout=60)
        assert len(list(journals.iterdir())) == files


def test_a_full_disk_turns_it_off_with_one_line(
    journals: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A series that has a place stays there, and newcomers count in memory."""
    collector = TelemetryCollector(journal=journals)
    jobs = collector.register_counter("jobs_total", "", ["job"])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    for job in range(1500):
        jobs.labels(job).increment()
    total = sum(value.value for value in jobs.get_value())
    assert total == 1500
    assert 100 < len(counted(journals)) < 1500
    line = "a journal cannot grow, and a kill -9 loses what finds no room in it"
    assert [record.message.partition(":")[0] for record in caplog.records if "journal" in record.message] == [line]
    other = TelemetryCollector(journal=journals)
    other.register_counter("orders_total").increment()
    assert not other.journal.running  # type: ignore[union-attr]
    assert any("there is no journal in" in record.message for record in caplog.records)
    problems: Any = other.get_metric("telemetry_problems_total")
    assert number(problems.labels("journal").get_value()) == 1


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    """It is told at once."""
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is no directory"):
        TelemetryCollector(journal=tmp_path / "file")


def test_only_journals_are_looked_at(journals: Path) -> None:
    """Not what was set aside, nor other files; an unfinished one goes when it is old."""
    journals.mkdir()
    for name in ("README", f"1-2.journal{SET_ASIDE}", "1-2.journal.unfinished", "0-1.journal.unfinished"):
        (journals / name).write_bytes(b"")
    os.utime(journals / "0-1.journal.unfinished", (1, 1))
    assert list(left_files(journals)) == []
    assert len(list(journals.iterdir())) == 3
