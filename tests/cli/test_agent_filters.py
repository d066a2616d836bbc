"""`fog agent --filters`: what would be sent, rule by rule; `fog check filters`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from fog_agent.core.filters.parsing import as_document, parse_filters
from fog_cli.filters.explaining import as_toml, explain
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
    series = collector.watch_series().series()
    assert list(explain(filters, series, "http_total")) == [
        'http_total{path="/a"}',
        "  aggregate 1: http_total",
        "  is sent, added to all that are called so",
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
