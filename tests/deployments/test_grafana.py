"""The shipped Grafana dashboards and their provisioning: written by their source, whole, and of metrics that there are.

No Grafana can be had here. Its makers' models, which they generate from its schema, read the files; the rest is what
its documentation and its code ask for.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.source.dashboards import texts
from deploy.grafana.source.losses import LOSSES
from fog_aggregator.promql import parse
from tests.deployments.dashboards import FOLDER, GLOBAL, NAMES, fill, load, queries, used, variables
from tests.deployments.shipped import DEPLOY
from tests.house.test_metrics_md import rows

PROMTOOL: Final = shutil.which("promtool")
VALUES: Final = {
    "fleet": "fog|",
    "branches": "fog_branches(_.+)?|",
    "level": "1",
    "path": "fog/0",
    "parent": "fog",
    "child": "2",
    "counter": "messages_sent_total",
    "histogram": "message_processing_duration_seconds",
    "gauge": "message_queue_size",
    "before": "1h",
    "__interval": "2m",
}
PANELS: Final = {"stat", "timeseries", "table", "heatmap", "row"}
COLORS: Final = re.compile(r"#[0-9a-f]{6}|text|red|orange|blue|purple")
UNITS: Final = frozenset(value for value in vars(units).values() if isinstance(value, str))
"""Grafana's names of units; any other word is shown behind the number."""
UNKNOWN: Final = {"id", "builtIn", "step", "titleFormat", "textFormat", "tagKeys", "definition"}
"""Fields that the models do not have: of annotations that a Prometheus makes, and of older Grafanas."""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Provide each dashboard's name."""
    return str(request.param)


def strings(found: Any) -> Iterator[str]:
    """List all texts in a piece of JSON."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for one in found.values() if isinstance(found, dict) else found:
            yield from strings(one)


def test_the_files_are_what_the_source_writes() -> None:
    """``python -m deploy.grafana.source`` writes them anew, and there are no others."""
    assert {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()} == texts()


def test_a_dashboard_has_what_a_grafana_needs(name: str) -> None:
    """An identity of its own that links can name, a version of the schema, and no id of some instance."""
    found = load(name)
    assert re.fullmatch(r"[a-z-]{8,40}", found["uid"])
    assert found["uid"] == f"fog-{name}"
    assert (found["id"], found["schemaVersion"], found["title"]) == (None, 39, name.capitalize())
    assert (found["tags"], found["time"], found["editable"]) == (["fog"], {"from": "now-1h", "to": "now"}, True)
    assert {"panels", "templating", "annotations", "links", "graphTooltip", "refresh"} <= set(found)


def lost(before: Any, after: Any) -> Iterator[str]:
    """List the fields of a piece of JSON that another one does not have, or has otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from (key for key in before if key not in after)
        for key in before.keys() & after.keys():
            yield from lost(before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from lost(one, other)
    elif before != after:
        yield f"{before!r} became {after!r}"


def test_grafanas_own_models_have_every_field(name: str) -> None:
    """Read and written again, a dashboard is the same: no option of a panel, a query or a variable is misnamed."""
    register_default_plugins()
    before = load(name)
    after = json.loads(JSONEncoder().encode(Dashboard.from_json(before)))
    assert set(lost(before, after)) <= UNKNOWN
    before["panels"][0]["options"]["colourMode"] = "value"  # and one that is would be seen
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(before)))
    assert set(lost(before, again)) - UNKNOWN == {"colourMode"}


def test_panels_lie_side_by_side(name: str) -> None:
    """Each on the grid of 24 columns, with an id of its own; none covers another."""
    panels = load(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert (at["x"] >= 0, at["w"] > 0, at["h"] > 0, at["x"] + at["w"] <= 24) == (True,) * 4, panel["title"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not cells & taken, panel["title"]
        taken |= cells


def test_panels_are_of_kinds_that_every_grafana_has(name: str) -> None:
    """With a text, targets of the chosen data source, colours and units that it knows, thresholds in order."""
    for panel in load(name)["panels"]:
        assert panel["type"] in PANELS
        if panel["type"] == "row":
            assert panel["panels"] == []
            continue
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        fields = [panel["fieldConfig"]["defaults"]]
        fields += [{one["id"]: one["value"] for one in own["properties"]} for own in panel["fieldConfig"]["overrides"]]
        for field in fields:
            assert field.get("unit", "short") in UNITS
            steps = field.get("thresholds", {"steps": []})["steps"]
            assert all(COLORS.fullmatch(step["color"]) for step in steps)
            assert all(step["value"] is None for step in steps[:1])
            values = [step["value"] for step in steps[1:]]
            assert values == sorted(values)


def test_a_table_links_by_columns_that_it_has(name: str) -> None:
    """An override, a sort and a link name columns that the transformations leave."""
    for panel in load(name)["panels"]:
        if panel["type"] != "table":
            continue
        assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])
        _, kept, order = panel["transformations"]
        renamed, names = order["options"]["renameByName"], kept["options"]["include"]["names"]
        shown = {renamed.get(one, one) for one in names}
        assert {own["matcher"]["options"] for own in panel["fieldConfig"]["overrides"]} <= shown
        assert {one["displayName"] for one in panel["options"]["sortBy"]} <= shown
        fields = {field for text in strings(panel) for field in re.findall(r"\$\{__data\.fields\.(\w+)\}", text)}
        assert fields
        assert fields <= set(names), panel["title"]


def test_variables_are_there_before_they_are_used(name: str) -> None:
    """Queries, links and later variables use those of the dashboard, or Grafana's own; and each is used."""
    known: set[str] = set()
    listed = variables(name)
    for one in listed:
        assert one["name"] not in known
        if one["type"] == "query":
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert one["query"]["query"] == one["definition"]
            assert used(one["definition"]) <= {other["name"] for other in listed} - {one["name"]}
        known.add(one["name"])
    everything = {word for text in strings(load(name)) for word in used(text)}
    assert {word for word in everything if not GLOBAL.fullmatch(word)} == known
    assert {"datasource", "page"} <= known
    assert ("fleet" in known) is (name != "subtree")
    if name != "pipeline":
        assert {"level", "counter", "histogram", "gauge", "branches"} <= known
    assert ("path" in known) is (name == "subtree")


def test_every_table_and_legend_leads_on(name: str) -> None:
    """To the operators' page, and to the subtree where a row or a series is a place; the span of time is kept."""
    for panel in load(name)["panels"]:
        if panel["type"] in {"row", "heatmap"}:
            continue
        urls = [text for text in strings(panel["fieldConfig"]) if "://" in text or text.startswith(("/d/", "${page}"))]
        pages = [url for url in urls if url.startswith("${page}/#/")]
        assert pages, panel["title"]
        assert all(url.endswith("from=${__from:date:seconds}&to=${__to:date:seconds}") for url in pages)
        subtrees = [url for url in urls if url.startswith("/d/")]
        of_places = "{{fog_path}}" in json.dumps(panel["targets"]) or panel["type"] == "table"
        assert bool(subtrees) is of_places, panel["title"]
        for url in subtrees:
            assert url.startswith("/d/fog-subtree?${datasource:queryparam}&")
            assert re.search(r"&var-level=\$\{[\w.]+\}&var-path=\$\{[\w.]+\}&\$\{__url_time_range\}$", url)


def test_every_query_is_pinned(name: str) -> None:
    """Each selector of numbers names a job; a level only with the branches' job. So nothing is counted twice."""
    for asked in queries(name):
        selectors = re.findall(r"[\w}]+\{([^{}]*(?:\{\$level\}[^{}]*)?)\}", asked.expression.replace("${", "$<"))
        assert selectors, asked
        for selector in selectors:
            of_alerts = 'alertstate="firing"' in selector
            assert of_alerts or ('job=~"$fleet"' in selector) != ('job=~"$branches"' in selector), asked
            assert ("fog_level" in selector) is ('job=~"$branches"' in selector), asked
        if name == "subtree":
            assert "fog_path" in asked.expression, asked


def test_our_own_parser_takes_every_query(name: str) -> None:
    """With the variables filled in."""
    for asked in queries(name):
        parse(asked.filled(VALUES))


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: Debian's prometheus has it")
def test_promtool_takes_every_query(tmp_path: Path) -> None:
    """As the expressions of rules."""
    asked = [one for name in NAMES for one in queries(name)]
    rules = [{"record": f"q:{number}", "expr": one.filled(VALUES)} for number, one in enumerate(asked)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(asked)} rules found" in done.stdout


def test_every_loss_is_in_the_pipeline() -> None:
    """Each row of METRICS.md that is marked as loss, or counts what failed, in a panel that is red above zero."""
    lossy = {cells[0].strip("`") for cells in rows() if "Loss" in cells[3] or "failed" in cells[3]}
    known = {loss.metric for _, _, found in LOSSES for loss in found}
    what_to_do = "write them in deploy/grafana/source/losses.py, then python -m deploy.grafana.source"
    assert known == lossy, f"{sorted(known ^ lossy)}: {what_to_do}"
    titles = {title for title, _, _ in LOSSES}
    panels = [panel for panel in load("pipeline")["panels"] if panel["title"] in titles]
    shown = {re.findall(r"\w+(?=\{)", target["expr"])[0] for panel in panels for target in panel["targets"]}
    assert shown == lossy
    for panel in panels:
        lowest, red = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert (lowest["color"], red["color"], 0 < red["value"] < 1) == ("text", "red", True)


@pytest.mark.parametrize(
    ("name", "title", "steps"),
    [
        ("fleet", "Live", [(None, "red"), (0.9, "orange"), (1.0, "text")]),
        ("subtree", "Live", [(None, "red"), (0.9, "orange"), (1.0, "text")]),
        ("subtree", "× siblings", [(None, "blue"), (1 / 3, "text"), (3.0, "orange")]),
        ("pipeline", "Until a gap", [(None, "red"), (3600.0, "text")]),
        ("pipeline", "Ready", [(None, "red"), (1.0, "text")]),
    ],
)
def test_colours_mean_what_they_mean_on_the_page(name: str, title: str, steps: list[tuple[float | None, str]]) -> None:
    """Normal has the colour of text: all nodes live, an hour and more until a gap, a rate like the siblings'."""
    (panel,) = (panel for panel in load(name)["panels"] if panel["title"] == title)
    found = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in found] == steps
    assert panel["options"]["colorMode"] == "value"


def test_what_is_asked_for_is_a_metric_of_metrics_md() -> None:
    """A name that is cut short, or was changed, shows nothing for ever."""
    listed = {cells[0].strip("`") for cells in rows()}
    for name in NAMES:
        for asked in queries(name):
            found = set(re.findall(r"\b(?:fog_agent|fog_aggregator|telemetry)_\w+", asked.expression))
            assert found <= listed, asked


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_provisioning_is_of_the_version_that_there_is(kind: str) -> None:
    """Data sources that the dashboards' variable can choose, with a token; and a provider of the folder's files."""
    for file in (DEPLOY / "grafana" / "provisioning" / kind).iterdir():
        found = yaml.safe_load(file.read_text("utf-8"))
        assert found.pop("apiVersion") == 1
        ((key, listed),) = found.items()
        assert key == ("datasources" if kind == "datasources" else "providers")
        for one in listed:
            if kind == "dashboards":
                assert (one["type"], one["options"]["path"]) == ("file", "/var/lib/grafana/dashboards/fog")
                continue
            assert (one["type"], one["access"], one["uid"]) == ("prometheus", "proxy", f"fog-{file.stem}")
            assert re.fullmatch(r"\$FOG_[A-Z]+_URL", one["url"])
            headers = {key for key in one["jsonData"] if key.startswith("httpHeaderName")}
            secrets = {key.replace("Value", "Name") for key in one.get("secureJsonData", {})}
            assert headers == secrets == ({"httpHeaderName1"} if file.stem == "aggregator" else set())


def test_the_first_choice_is_the_aggregator(name: str) -> None:
    """By the identity that provisioning gives it; a Grafana without it takes another one of the type."""
    text = (DEPLOY / "grafana" / "provisioning" / "datasources" / "aggregator.yml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    first = variables(name)[0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", source["type"])
    assert first["current"]["value"] == source["uid"]


def test_the_jobs_are_those_of_the_scrape() -> None:
    """The constants match the names in each scrape that is shipped, and what has no job."""
    plain, docker = (
        {one["job_name"] for one in yaml.safe_load((DEPLOY / file).read_text())["scrape_configs"]}
        for file in ("prometheus.yml", "docker/prometheus.yml")
    )
    monitor = yaml.safe_load((DEPLOY / "kubernetes" / "base" / "service-monitor.yaml").read_text())
    relabeled = [rule for endpoint in monitor["spec"]["endpoints"] for rule in endpoint["relabelings"]]
    jobs = {rule["replacement"] for rule in relabeled if rule.get("targetLabel") == "job"}
    constants = {one["name"]: one["query"] for one in variables("fleet") if one["type"] == "constant"}
    assert {re.findall(r"^\w+", value)[0] for value in constants.values()} == plain == docker == jobs
    assert all(re.fullmatch(value, "") for value in constants.values())
    assert re.fullmatch(constants["branches"], "fog_branches_2")  # as docs/grafana.md calls a further level's
    assert not re.fullmatch(constants["fleet"], "fog_branches")
    assert fill("$fleet ${branches:regex}", constants) == "fog| fog_branches(_.+)?|"
