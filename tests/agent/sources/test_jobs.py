"""The socket and the spool of jobs in an agent: `fog emit` and `fog run` as real processes tell it."""

from __future__ import annotations

import grp
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fog_agent.sources.configuration import SourcesError, parse_sources
from fog_agent.sources.jobs.taking import Taking
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from utilityfog_frontend.telemetry.collector import TelemetryCollector


class Node:
    """A collector with jobs' source, and jobs that tell it something."""

    def __init__(self, folder: Path, *, journal: bool = False, **table: Any) -> None:
        self.spool = folder / "spool"
        paths = {"socket": str(folder / "jobs.sock"), "spool": str(self.spool)}
        self.collector = TelemetryCollector(journal=folder / "journals" if journal else None)
        [settings] = parse_sources({"jobs": paths | table})
        self.source = make_source(settings, Context(self.collector, SourceMetrics(self.collector), 0.05))
        self._environ = os.environ | {"FOG_SOCKET": paths["socket"], "FOG_SPOOL": paths["spool"]}

    def fog(self, *arguments: str, given: str = "") -> tuple[int, str]:
        """Run `fog` with these arguments; exit code and errors."""
        argv = [sys.executable, "-m", "fog_cli", *arguments]
        done = subprocess.run(
            argv, env=self._environ, input=given, capture_output=True, text=True, check=False, timeout=30
        )
        return done.returncode, done.stderr

    def value(self, name: str, **labels: str) -> Any:
        """Return what a series has, None when it is not there."""
        for family in self.collector.collect():
            for series in family.series:
                if family.family.name == name and dict(series.labels) == labels:
                    return series.value
        return None

    def refused(self, reason: str) -> Any:
        """Return how much was refused for a reason."""
        return self.value("fog_agent_source_refused_total", source="jobs", reason=reason)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Provide nodes, stopped at the end."""
    started: list[Node] = []

    def one(*, running: bool = True, **table: Any) -> Node:
        node = Node(tmp_path, **table)
        started.append(node)
        if running:
            node.source.start()
        return node

    yield one
    for node in started:
        node.source.stop()


def until(holds: Callable[[], object]) -> None:
    """Wait for something."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_run(start: Callable[..., Node]) -> None:
    """Every number that a run tells, and the event of its failure."""
    node = start()
    assert node.fog("run", "--name", "j", "--sync", "--", "true") == (0, "")
    assert node.fog("run", "--name", "j", "--sync", "--tail", "--", "sh", "-c", "echo why >&2; exit 3") == (3, "why\n")
    assert node.value("job_runs_total", job="j", result="ok") == 1
    assert node.value("job_runs_total", job="j", result="failed") == 1
    assert node.value("job_duration_seconds", job="j").count == 2
    assert node.value("job_last_exit_code", job="j") == 3
    start_, end = (node.value(f"job_last_{name}_timestamp_seconds", job="j") for name in ("start", "end"))
    assert 0 < start_ <= end <= time.time()
    assert 0 < node.value("job_last_success_timestamp_seconds", job="j") < end
    assert node.value("job_max_rss_bytes", job="j") > 0
    assert node.value("job_cpu_seconds_total", job="j", mode="user") is not None
    [event] = [event for event in node.collector.get_events() if event.name == "job_failed"]
    assert (event.value, event.labels) == ("why\n", {"job": "j", "exit_code": "3"})


def test_counters_add_up_and_are_whole(start: Callable[..., Node]) -> None:
    """Jobs at once, each with its increments: all are counted, and nothing is in the spool."""
    node = start()
    lines = 'orders_total{shop="b"} 3\n' * 20
    argv = [sys.executable, "-m", "fog_cli", "emit", "-", "--sync"]
    jobs = [subprocess.Popen(argv, env=node._environ, stdin=subprocess.PIPE) for _ in range(4)]  # noqa: SLF001 - as `fog` does
    for job in jobs:
        job.communicate(lines.encode(), timeout=30)
        assert job.returncode == 0
    assert repr(node.value("orders_total", shop="b")) == "240"
    assert list(node.spool.iterdir()) == []


def test_lines_of_statsd(start: Callable[..., Node]) -> None:
    """They are added up as a listener for statsd does, beside those of the text format."""
    node = start()
    assert node.fog("emit", "-", "--sync", given="page.views:2|c\na_total 1\npage.views:3|c\n") == (0, "")
    assert node.value("page_views_total") == 5
    assert node.value("a_total") == 1
    code, err = node.fog("emit", "-", "--sync", given="page.views:-1|c\n")
    assert (code, "of statsd's lines" in err) == (1, True)
    assert node.value("page_views_total") == 5
    assert node.fog("emit", "-", "--sync", given="page.views:-1|c\n" * 3)[0] == 1
    assert node.refused("negative") == 4, "each line counts"


def test_service_checks_are_what_a_listener_makes_of_them(start: Callable[..., Node]) -> None:
    """A gauge, and an event of its own when it changes."""
    node = start(dialect="dogstatsd")
    assert node.fog("emit", "-", "--sync", given="_sc|db.up|2|#x:y\n") == (0, "")
    assert node.value("service_check_status", check="db.up", x="y") == 2
    [event] = [event for event in node.collector.get_events() if event.name.startswith("statsd")]
    assert (event.name, event.value, event.labels) == ("statsd_service_check", 2, {"x": "y", "check": "db.up"})


def test_a_count_too_large_is_refused_and_the_metrics_of_runs_keep_their_labels(start: Callable[..., Node]) -> None:
    """Nothing is dropped without a word, and no line takes the names of `fog run` over."""
    node = start()
    assert node.fog("emit", "a_total", str(2**63), "--sync")[0] == 1
    assert node.refused("value") == 1
    assert node.fog("emit", "job_runs_total", "1", "x=y", "--sync")[0] == 1
    assert node.refused("labels") == 1
    assert node.fog("run", "--name", "j", "--sync", "--", "true") == (0, "")
    assert node.value("job_runs_total", job="j", result="ok") == 1


def test_the_spool_is_taken_once_an_agent_comes(start: Callable[..., Node]) -> None:
    """Nobody listens: files; then they are counted, once, and gone. A gauge keeps what was told last."""
    node = start(running=False)
    assert node.fog("run", "--name", "j", "--", "sh", "-c", "exit 3") == (3, "")
    assert node.fog("emit", "level", "1") == (0, "")
    files = sorted(node.spool.iterdir())
    assert len(files) == 3
    late = files[-1].read_bytes()
    node.source.start()
    until(lambda: not list(node.spool.iterdir()) and node.value("level") == 1)
    assert node.value("job_runs_total", job="j", result="failed") == 1
    assert node.fog("emit", "level", "2", "--sync") == (0, "")
    (node.spool / "1.job").write_bytes(late)
    until(lambda: not list(node.spool.iterdir()))
    until(lambda: node.value("fog_agent_jobs_messages_total", way="spool") == 4)
    assert node.value("level") == 2


def test_what_is_no_file_of_a_job_is_left_alone(start: Callable[..., Node], tmp_path: Path) -> None:
    """A link, a second name, a folder: counted once, not read, not removed; rubbish is counted and goes."""
    node = start(running=False)
    node.spool.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(b"fog1 1 -\nsecret 1\n")
    (node.spool / "1.job").symlink_to(secret)
    (node.spool / "2.job").hardlink_to(secret)
    (node.spool / "3.job").mkdir()
    (node.spool / "4.job").write_bytes(b"rubbish\n")
    (node.spool / "5.job").write_bytes(bytes(100_000))
    (node.spool / "6.job").write_bytes(b"fog1 1 -\na 1\n")
    node.source.start()
    until(lambda: node.value("a") == 1)
    until(lambda: node.refused("malformed") == 1)
    assert node.refused("spool") == 4
    assert sorted(file.name for file in node.spool.iterdir()) == ["1.job", "2.job", "3.job"]
    assert node.value("secret") is None


def test_refusals_are_told_to_whoever_waits(start: Callable[..., Node]) -> None:
    """And counted by reason."""
    node = start(max_series=2)
    assert node.fog("emit", "a_total", "1", "x=y", "--sync") == (0, "")
    for words, reason, said in (
        (["a_total=gauge", "1"], "clash", "a_total is a counter here, not a gauge"),
        (["a_total", "1", "z=y"], "labels", "a_total: label z is not of its first line's, which are x"),
        (["fog_tree_nodes", "1"], "name", "fog_tree_nodes is not a job's"),
        (["telemetry_events_total", "1"], "name", "telemetry_events_total is not a job's"),
    ):
        code, err = node.fog("emit", *words, "--sync")
        assert (code, said in err) == (1, True)
        assert node.refused(reason) >= 1
    assert node.fog("emit", "a_total", "1", "--sync") == (0, "")  # a label that is not given is empty
    code, err = node.fog("emit", "b", "1", "--sync")
    assert (code, node.refused("series")) == (1, 1)
    assert f"b: user {os.getuid()} has 2 series, and gets no more" in err
    assert node.collector.get_metric("b") is None, "nor is a metric registered that nobody may have"


def test_rates_and_users(start: Callable[..., Node]) -> None:
    """A user who tells too much, or may not tell anything, is refused; the command's exit code stays."""
    node = start(rate=1, allow_uid=[os.getuid()])
    assert node.fog("emit", "-", "--sync", given="a 1\n" * 11)[0] == 1
    assert (node.refused("rate"), node.value("a")) == (11, None)
    node.source.stop()
    other = start(allow_uid=[os.getuid() + 1])
    code, err = other.fog("run", "--sync", "--", "sh", "-c", "exit 3")
    assert (code, err.count(f"user {os.getuid()} is not in allow_uid")) == (3, 2)
    assert other.refused("user") == 2


def test_the_socket_is_the_groups(start: Callable[..., Node], tmp_path: Path) -> None:
    """Nobody else may tell anything; the spool is as a spool of several users must be."""
    node = start()
    assert (tmp_path / "jobs.sock").stat().st_mode & 0o777 == 0o660
    assert node.spool.stat().st_mode & 0o7777 == 0o3770


def test_a_message_that_breaks_the_taker_does_not_end_the_spool(
    start: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is told to be down, and the files behind it are taken."""
    node = start(running=False)
    take = Taking.take

    def break_once(taking: Taking, uid: int, data: bytes, way: str) -> Any:
        monkeypatch.setattr(Taking, "take", take)
        raise RuntimeError("broken")

    monkeypatch.setattr(Taking, "take", break_once)
    assert node.fog("emit", "a", "1") == node.fog("emit", "b", "1") == (0, "")
    node.source.start()
    until(lambda: node.value("b") == 1)
    assert node.value("a") is None


def test_a_message_that_breaks_the_reader_is_counted(
    start: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As lost by a fault; what comes after it is taken."""
    node = start()

    def break_(*_: Any) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(Taking, "take", break_)
        assert node.fog("emit", "a", "1") == (0, "")
        until(lambda: node.refused("fault") == 1)
    assert node.fog("emit", "b", "1", "--sync") == (0, "")
    assert (node.value("a"), node.value("b")) == (None, 1)


def test_a_file_that_cannot_be_counted_now_holds_up_no_other(
    start: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source says that it waits, takes those behind it, and looks again: then it is counted, once."""
    node = start(running=False, journal=True)
    for name in ("first", "second"):
        assert node.fog("emit", f"{name}_total", "1") == (0, "")
    journal = node.collector.journal
    assert journal is not None
    count, tried = journal.count, [0]

    def refuse_first(counts: Any, file: Path) -> bool:
        names = [one[0].family.name for one in counts]
        tried[0] += names == ["first_total"]
        return (names != ["first_total"] or tried[0] > 3) and count(counts, file)

    monkeypatch.setattr(journal, "count", refuse_first)
    node.source.start()
    until(lambda: node.value("second_total") == 1 and node.value("fog_agent_source_up", source="jobs") == 0)
    until(lambda: node.value("first_total") == 1 and node.value("fog_agent_source_up", source="jobs") == 1)
    assert [file.name for file in node.spool.iterdir()] == [".journal"]
    assert node.value("second_total") == 1


def test_a_gauge_goes_by_the_agents_clock(start: Callable[..., Node], tmp_path: Path) -> None:
    """A job whose clock is ahead holds up no later value, and one whose clock is behind is heard."""
    node = start(running=False)
    node.spool.mkdir()
    (node.spool / "1.job").write_bytes(b"fog1 99999999999 -\nlevel 1\n")
    node.source.start()
    until(lambda: node.value("level") == 1)
    for sent_at, value in ((b"1", 2), (b"99999999999", 3), (b"1", 4)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as job:
            job.sendto(b"fog1 %s -\nlevel %d\n" % (sent_at, value), str(tmp_path / "jobs.sock"))
        until(lambda value=value: node.value("level") == value)  # type: ignore[misc]


def test_a_spool_that_is_made_is_of_the_group(start: Callable[..., Node]) -> None:
    """And so is the socket, so that its members may tell something."""
    group = 1 if os.getuid() == 0 else os.getgroups()[-1]
    node = start(group=grp.getgrgid(group).gr_name)
    assert [file.stat().st_gid for file in (node.spool, node.spool.with_name("jobs.sock"))] == [group, group]


def test_two_agents_do_not_share_a_socket(start: Callable[..., Node], tmp_path: Path) -> None:
    """The second one says so."""
    start()
    with pytest.raises(OSError, match="another program receives there"):
        Node(tmp_path).source.start()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"socket": "jobs.sock"}, "socket: 'unix:jobs.sock': a unix socket has an absolute path"),
        ({"spool": "spool"}, "spool = 'spool': must be an absolute path"),
        ({"allow_uid": ["root"]}, "allow_uid = ['root']: must be a list of numbers"),
        ({"allow_uid": [-1]}, "allow_uid: -1 is no user's number"),
        ({"rate": 0}, "rate = 0: must be a whole number from 1"),
        ({"speed": 1}, "speed: no such key"),
    ],
)
def test_wrong_settings(table: dict[str, Any], said: str) -> None:
    """The error names the table, the key and the value."""
    with pytest.raises(SourcesError) as error:
        parse_sources({"jobs": table})
    assert str(error.value).startswith(f"[jobs]: {said}")
