"""docs/telemetry.md is true: its blocks run as printed, and what it lists exists."""

import ast
import inspect
import json
import logging
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.telemetry.helpers import problems
from utilityfog_frontend import telemetry
from utilityfog_frontend.telemetry import (
    MetricType,
    TelemetryCollector,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)

PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("telemetry.md", "sdk-coming-from.md")]
PAGE = PAGES[0].read_text("utf-8")

LISTED = {
    "coordination_messages_total": MetricType.COUNTER,
    "coordination_active_nodes": MetricType.GAUGE,
    "coordination_message_latency_seconds": MetricType.HISTOGRAM,
    "messages_sent_total": MetricType.COUNTER,
    "messages_received_total": MetricType.COUNTER,
    "message_queue_size": MetricType.GAUGE,
    "message_processing_duration_seconds": MetricType.HISTOGRAM,
    "health_status": MetricType.GAUGE,
    "health_checks_total": MetricType.COUNTER,
    "health_check_duration_seconds": MetricType.HISTOGRAM,
    "telemetry_collection_runs_total": MetricType.COUNTER,
    "telemetry_collection_duration_seconds": MetricType.GAUGE,
    "telemetry_metrics_count": MetricType.GAUGE,
    "telemetry_events_total": MetricType.COUNTER,
    "telemetry_problems_total": MetricType.COUNTER,
    "telemetry_source_errors_total": MetricType.COUNTER,
}


def blocks(page: Path, language: str) -> list[Any]:
    """Return the code blocks of a page, named by their line."""
    found = []
    text = page.read_text("utf-8")
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text[: match.start()].count("\n") + 2
        found.append(pytest.param(match[1], id=f"{page.name}:{line}"))
    return found


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Undoes what a block does to logging."""
    root, own = logging.getLogger(), logging.getLogger("utilityfog_frontend.telemetry")
    handlers, level = list(root.handlers), own.level
    yield
    root.handlers[:] = handlers
    own.setLevel(level)


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks(page, "python")])
async def test_a_python_block_runs_as_printed(block: str, tmp_path: Path) -> None:
    """With a collector of its own; names, file paths and a running loop are supplied."""
    collector = TelemetryCollector()
    names = {name: getattr(telemetry, name) for name in telemetry.__all__}
    names |= {"collector": collector, "time": time}
    names["counter"] = collector.register_counter("supplied_counter")
    names["gauge"] = collector.register_gauge("supplied_gauge")
    names["histogram"] = collector.register_histogram("supplied_histogram")
    code = re.sub(r'"/(tmp|var)/', f'"{tmp_path}/', block)
    compiled = compile(code, "<block>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(compiled, names)  # noqa: S307 - our own documentation
    if inspect.isawaitable(outcome):
        await outcome
    for thing in names.values():
        for stop in ("stop_collection", "stop"):
            if hasattr(thing, stop) and not isinstance(thing, type):
                await getattr(thing, stop)()
    assert collector.export_to_prometheus()
    assert problems(collector) == {}


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_the_blocks_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    """As a reader runs them, one after the other in one session; nothing is supplied but a collector and a loop."""
    names: dict[str, Any] = {"collector": TelemetryCollector()}
    begun: list[Any] = []
    for block in blocks(page, "python"):
        code = re.sub(r'"/(tmp|var)/', f'"{tmp_path}/', block.values[0])
        compiled = compile(code, f"<{block.id}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(compiled, names)  # noqa: S307 - our own documentation
        if inspect.isawaitable(outcome):
            await outcome
        begun += [thing for thing in names.values() if not any(thing is other for other in begun)]
    for thing in begun:
        for stop in ("stop_collection", "stop"):
            if hasattr(thing, stop) and not isinstance(thing, type):
                await getattr(thing, stop)()
    for collector in (thing for thing in begun if isinstance(thing, TelemetryCollector)):
        assert problems(collector) == {}


def test_installing_needs_no_index_that_has_the_package() -> None:
    """None has: documents install from a checkout, with the files that are there."""
    root = PAGES[0].parents[1]
    for page in (root / "README.md", root / "deploy" / "README.md", root / "docs" / "sdk-getting-started.md"):
        text = page.read_text("utf-8")
        assert not re.search(r"pip install '?utilityfog", text), page
        named = set(re.findall(r"requirements/\w+\.txt", text))
        assert named, page
        assert all((root / name).is_file() for name in named), page


def test_every_block_is_found() -> None:
    """The extraction itself works."""
    assert len(blocks(PAGES[0], "python")) > 20
    assert PAGE.count("```") % 2 == 0


def test_the_json_block_is_what_is_exported(bare: TelemetryCollector) -> None:
    """Key by key."""
    [block] = blocks(PAGES[0], "json")
    printed = json.loads(block.values[0])
    bare.register_counter("http_requests_total").increment(1027)
    exported = json.loads(bare.export_to_json())

    def shape(value: Any) -> Any:
        return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else type(value)

    assert shape(printed) == shape(exported)
    assert exported["metrics"]["http_requests_total"]["value"] == 1027


def test_every_listed_metric_exists() -> None:
    """With its name and kind; the page lists them all."""
    collector = TelemetryCollector()
    collector.add_source(list)
    for setup in (setup_coordination_hooks, setup_messaging_hooks, setup_health_hooks):
        setup(collector)
    assert {name: metric.type for name, metric in collector.get_all_metrics().items()} == LISTED
    for name in LISTED:
        assert f"- `{name}`: " in PAGE


def test_metrics_md_lists_what_the_collector_tells_of_itself() -> None:
    """All of it, and nothing else."""
    listed = re.findall(r"^\| `(telemetry_\w+)`", (PAGES[0].parents[1] / "METRICS.md").read_text("utf-8"), re.MULTILINE)
    collector = TelemetryCollector()
    collector.add_source(list)
    assert sorted(listed) == sorted(collector.get_all_metrics())


def test_the_sample_alerts_name_what_exists() -> None:
    """And are valid rules, where promtool is there to say so."""
    [block] = blocks(PAGES[0], "yaml")
    rules = block.values[0]
    assert set(re.findall(r"telemetry_\w+", rules)) <= set(LISTED)
    if shutil.which("promtool") is not None:
        checked = subprocess.run(
            ["promtool", "check", "rules", "/dev/stdin"],  # noqa: S607 - wherever it is installed
            input=rules.encode(),
            capture_output=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_listed_method_exists(collector: TelemetryCollector) -> None:
    """The reference names nothing that is not there."""
    reference = PAGE[PAGE.index("## API Reference") : PAGE.index("## Troubleshooting")]
    calls = re.findall(r"`(\w+)\(([\w, ]*)\)`", reference)
    assert len(calls) > 15
    for name, arguments in calls:
        parameters = list(inspect.signature(getattr(collector, name)).parameters)
        wanted = [argument for argument in arguments.split(", ") if argument]
        assert parameters[: len(wanted)] == wanted


def test_every_reason_of_the_table_is_used() -> None:
    """And every one that is used is in the table."""
    source = Path(inspect.getfile(telemetry)).parent
    used = set()
    for file in source.rglob("*.py"):
        text = file.read_text("utf-8")
        used |= set(re.findall(r'(?:report|count|count_problem)\(\s*"(\w+)"', text))
        used |= set(re.findall(r'LeftOut\([\w.]+, "(\w+)"\)', text))
    table = PAGE[PAGE.index("| reason |") : PAGE.index("### Sample Alerts")]
    listed = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line)))
    assert listed == used
