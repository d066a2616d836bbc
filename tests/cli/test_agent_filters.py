"""`fog agent --filters`: what would be sent, rule by rule; `fog check filters`."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest
import yaml

from fog_agent.core.filters.parsing import as_document, parse_filters
from fog_cli.filters.explaining import as_toml, explain
from fog_testing.ports import free_port
from tests.agent.sources.exporters import Exporter, page
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector

RULES = [
    {"source_labels": ["__name__"], "regex": "node_(disk|network)_.*", "action": "drop"},
    {"source_labels": ["mode"], "regex": "(.)(.*)", "target_label": "m", "replacement": '$1"\\$2', "action": "replace"},
]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Write rules as Prometheus has them."""
    file = tmp_path / "filters.yml"
    file.write_text(yaml.safe_dump(RULES))
    return file


def test_once_shows_what_is_sent_and_what_was_filtered(rules: Path) -> None:
    """The series as they are sent, then a line for each rule that kept any back."""
    done = run("agent", "--path", "fog/0/3", "--once", "--filters", str(rules))
    assert done.returncode == 0, done.stderr
    assert "node_network" not in done.stdout.partition("filtered by")[0]
    assert "filtered by relabel 1 drop: " in done.stdout
    assert 'node_cpu_seconds_total{cpu="0",m=' in done.stdout


def test_explain_tells_rule_by_rule(rules: Path) -> None:
    """Each series of that name, with what each rule made of it."""
    done = run("agent", "--path", "fog/0/3", "--filters", str(rules), "--explain", "node_network_receive_bytes_total")
    assert "  relabel 1 drop: is not sent" in done.stdout.splitlines()
    none = run("agent", "--path", "fog/0/3", "--filters", str(rules), "--explain", "nothing")
    assert none.stdout == "no series here is called nothing, before its filters or after\n"


def test_explaining_an_aggregate_and_a_series_that_no_rule_changes() -> None:
    """By the name before its filters, and by the one after."""
    collector = TelemetryCollector(self_metrics=False)
    collector.register_counter("http_total", "Requests", ["path"]).labels("/a")
    collector.register_counter("other_total", "Others")
    filters = parse_filters({"aggregate": [{"match": "http_*", "without": ["path"]}]})
    series = collector.watch_series()
    assert list(explain(filters, series, "http_total")) == [
        'http_total{path="/a"}',
        "  aggregate 1: http_total",
        "  is sent, added to all that are called so: 1 here",
    ]
    assert list(explain(filters, series, "other_total")) == ["other_total", "  is sent as it is"]


def test_check_prints_one_file_as_toml(rules: Path, tmp_path: Path) -> None:
    """So that nodes without PyYAML can read it; what is wrong is said of each of several."""
    done = run("check", "filters", str(rules))
    assert (done.returncode, tomllib.loads(done.stdout)) == (0, {"metric_relabel_configs": RULES})
    bad = tmp_path / "bad.toml"
    bad.write_text('metric_relabel_configs = [{action = "labelkeep", regex = "a"}]')
    both = run("check", "filters", str(rules), str(bad))
    assert both.returncode == 1
    assert both.stdout == f"{rules}: fine\n"
    assert both.stderr.startswith(f"{bad}: metric_relabel_configs, rule 1: takes __name__ away")


def test_what_is_written_as_toml_is_the_same() -> None:
    """Quotes, backslashes and characters of control in it."""
    document = {"metric_relabel_configs": [{"target_label": "a", "replacement": 'q"\\ü\t\x01', "action": "replace"}]}
    filters = parse_filters(document)
    assert tomllib.loads("\n".join(as_toml(filters))) == as_document(filters) == document


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--filters", "/nowhere.toml", "--once"], "/nowhere.toml: cannot be read: No such file"),
        (["--filters", "/nowhere.toml"], "/nowhere.toml: cannot be read: No such file"),
        (["--filters", "x.toml", "--ledger", "y"], "--ledger is for an audit of all that was counted"),
    ],
)
def test_misuse(arguments: list[str], said: str) -> None:
    """One line that says what to do, exit code 2."""
    done = run("agent", "--path", "fog/0", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def sources_of_all_kinds(folder: Path, scraped: int, statsd: int) -> Path:
    """Write a file with a source of each kind."""
    file = folder / "sources.toml"
    file.write_text(
        f'[[scrape]]\nname = "shop"\nurl = "http://127.0.0.1:{scraped}/"\n'
        f'[[textfile]]\nname = "scripts"\ndirectory = "{folder}"\n'
        f'[[statsd]]\nname = "apps"\ndialect = "statsd"\nlisten = ["127.0.0.1:{statsd}"]\n'
        f'[[otlp]]\nname = "otel"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[jobs]\nsocket = "{folder}/jobs.sock"\nspool = "{folder}/spool"\n'
    )
    return file


def test_once_shows_what_sources_would_send(tmp_path: Path) -> None:
    """A target's page and a directory's files, as filters have them sent; nothing is taken that programs send."""
    told = 'orders_total{path="/a"} 5\norders_total{path="/b"} 7\nstock{shop="x"} 3\nother 1\n'
    (tmp_path / "jobs.prom").write_text("backups_total 4\nbackup_bytes 12\n")
    rules = tmp_path / "filters.toml"
    rules.write_text(
        'metric_relabel_configs = [{source_labels = ["__name__"], regex = "other|node_.*", action = "drop"}]\n'
        'aggregate = [{match = "orders_*", without = ["path"]}]\n'
    )
    with Exporter(page(told)).listening() as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        file = sources_of_all_kinds(tmp_path, port, taken.getsockname()[1])
        arguments = ["agent", "--path", "fog/0/3", "--sources", str(file), "--filters", str(rules)]
        done = run(*arguments, "--once")
        orders = run(*arguments, "--explain", "orders_total")
        posted = run(*arguments, "--explain", 'orders_total{path="/c",code="200"}')
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    for series in ('orders_total{job="shop"}', 'stock{job="shop",shop="x"}', "backups_total", "backup_bytes"):
        assert sum(series in line for line in lines) == 1, series
    assert 'other{job="shop"}' not in done.stdout
    assert "filtered by aggregate 1: 1 series" in lines
    assert [line.split(":")[0] for line in lines[-3:]] == ["source apps", "source otel", "source jobs"]
    assert not (tmp_path / "spool").exists()
    assert orders.stdout.splitlines()[:6] == [
        'orders_total{job="shop",path="/a"}',
        '  aggregate 1: orders_total{job="shop"}',
        "  is sent, added to all that are called so: 2 here",
        'orders_total{job="shop",path="/b"}',
        '  aggregate 1: orders_total{job="shop"}',
        "  is sent, added to all that are called so: 2 here",
    ]
    assert posted.stdout.splitlines()[:3] == [
        'orders_total{code="200",path="/c"}',
        '  aggregate 1: orders_total{code="200"}',
        "  would be sent, added to all that are called so",
    ]


def test_explain_tells_why_a_series_is_not_sent(tmp_path: Path) -> None:
    """Series that fall together: counts are added and it is said; gauges without a rollup are left out and named."""
    rules, file = tmp_path / "filters.toml", tmp_path / "sources.toml"
    rules.write_text('metric_relabel_configs = [{regex = "path", action = "labeldrop"}]')
    told = 'orders_total{path="/a"} 5\norders_total{path="/b"} 7\nstock{path="/a"} 3\nstock{path="/b"} 4\n'
    with Exporter(page(told)).listening() as port:
        file.write_text(f'[[scrape]]\nname = "shop"\nurl = "http://127.0.0.1:{port}/"\n')
        arguments = ["agent", "--path", "fog/0/3", "--sources", str(file), "--filters", str(rules)]
        orders, stock = (run(*arguments, "--explain", name).stdout for name in ("orders_total", "stock"))
    assert "  is sent, added to all that are called so: 2 here" in orders
    assert "filters: rules take labels away from orders_total by which alone its series are told apart" in orders
    assert "  is not sent, see below" in stock
    assert "filters: stock is a gauge that would be merged with others" in stock


def test_a_source_that_cannot_be_read_is_said_and_ends_nothing(tmp_path: Path) -> None:
    """On standard error, and the host is shown; a series that is none is a misuse."""
    file = tmp_path / "sources.toml"
    file.write_text(
        f'[[scrape]]\nname = "gone"\nurl = "http://127.0.0.1:{free_port()}/"\n'
        f'[[textfile]]\nname = "nowhere"\ndirectory = "{tmp_path}/nowhere"\n'
    )
    done = run("agent", "--path", "fog/0/3", "--sources", str(file), "--once")
    assert done.returncode == 0
    assert "source gone: " in done.stderr
    assert "source nowhere: cannot be read" in done.stderr
    assert "node_cpu_seconds_total" in done.stdout
    wrong = run("agent", "--path", "fog/0/3", "--explain", "a{b}")
    assert wrong.returncode == 2
    assert "--explain: write a name, or a series" in wrong.stderr
