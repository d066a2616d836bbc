"""The page of alerts: its tables list all there is, its examples are rendered, its files are loaded and pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fog_aggregator.promql import instant_query
from fog_aggregator.promql.labels import make_labels
from fog_aggregator.rules import vector_of
from fog_aggregator.rules.alerts.alerting import MAX_TEMPLATE_QUERIES
from fog_aggregator.rules.load import GROUP_FIELDS, MAX_GROUPS, MAX_RULES, RULE_FIELDS
from fog_aggregator.rules.templates import TemplateData, Vector, compile_template
from fog_aggregator.rules.templates.execute import MAX_OUTPUT
from fog_aggregator.rules.templates.functions import FUNCTIONS
from fog_aggregator.rules.templates.lexer import KEYWORDS
from fog_aggregator.rules.templates.parser import MAX_SOURCE
from fog_aggregator.rules.unit_tests import read_unit_tests, run_unit_test
from fog_aggregator.rules.unit_tests.read import FILE_FIELDS, STATES, TEST_FIELDS
from fog_aggregator.rules.verdicts.coverage import Fate
from fog_aggregator.rules.yaml_tree import MAX_BYTES, MAX_DEPTH, MAX_NODES
from tests.house.source import read
from tests.promql.asking import load
from tests.rules.promtool import judge_texts, needs_promtool, promtool
from tests.rules.storing import load_text

PAGE: Final = read("docs/rules.md")
ROW: Final = re.compile(r"^\| ([^|]+) \| [^|]+ \| `(.+)` \| `([^|]*)` \|$", re.MULTILINE)
YAML: Final = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERIES: Final = {'load{node="1", zone="x"}': "1234.5", 'spare{zone="x"}': "3"}
LABELS: Final = {"node": "1", "zone": "x"}


def fields(title: str) -> tuple[str, ...]:
    """List the first column of a table of two columns."""
    table = PAGE.partition(f"| {title} |")[2].partition("\n\n")[0]
    return tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def examples() -> list[tuple[str, str, str]]:
    """Take the rows of the tables of templates: name, example and text."""
    return [(row[1].strip("`"), row[2].replace(r"\|", "|"), row[3]) for row in ROW.finditer(PAGE)]


def query(expression: str) -> Vector:
    """Evaluate on the page's series."""
    return vector_of(instant_query(expression, load(*(f"{name} {value}" for name, value in SERIES.items())), 0))


def test_the_tables_list_all_there_is() -> None:
    """Fields of groups and rules, functions, and keywords."""
    assert sorted(fields("field of a group")) == sorted(GROUP_FIELDS)
    assert fields("field of a rule") == RULE_FIELDS
    names = [name for name, _, _ in examples()]
    assert [name for name in names if name in FUNCTIONS] == sorted(FUNCTIONS)
    assert {name for name in names if name in KEYWORDS} == {"if", "range", "with"}
    assert len(names) == len(FUNCTIONS) + 9
    assert all(re.search(rf"\b{name}\b", example) for name, example, _ in examples() if name in FUNCTIONS)


def test_the_limits_are_those_of_the_code() -> None:
    """Of files, rules and templates."""
    text = " ".join(PAGE.split())
    assert f"at most {MAX_BYTES:,} bytes, {MAX_NODES:,} values" in text
    assert f"in {MAX_DEPTH} levels, {MAX_GROUPS:,} groups and {MAX_RULES:,} rules" in text
    assert f"a template has at most {MAX_SOURCE:,} characters" in text
    assert f"{MAX_TEMPLATE_QUERIES} different queries an evaluation" in text
    assert f"A text has at most {MAX_OUTPUT:,} characters" in text


def test_examples_are_rendered_as_the_page_says() -> None:
    """By our own engine."""
    labels = make_labels({"__name__": "load", **LABELS})
    data = TemplateData(labels, 1234.5, query, (("site", "here"),), "http://fog.example/x")
    for _, example, text in examples():
        assert compile_template(example, "A").render(data).rstrip("\n") == text, example


@needs_promtool
def test_examples_are_rendered_by_promtool_alike(tmp_path: Path) -> None:
    """All at once."""
    cases = [("load", LABELS, example, text + "\n" * ("println" in example)) for _, example, text in examples()]
    assert judge_texts(tmp_path, SERIES, cases) == ""


def test_the_rule_file_and_its_tests_pass() -> None:
    """The page's own file, its unit test, and the one with our own words."""
    rules, tests, _ = YAML.findall(PAGE)
    file = read_unit_tests(tests.encode(), "test.yml")
    assert [run_unit_test(file, test, [load_text(rules)]) for test in file.tests] == [[]]


@needs_promtool
def test_promtool_says_so_too(tmp_path: Path) -> None:
    """Without the two fields that are newer than 2.42."""
    rules, tests, _ = YAML.findall(PAGE)
    (tmp_path / "rules.yml").write_text(rules)
    older = [line for line in tests.splitlines() if "fuzzy_compare" not in line and "start_timestamp" not in line]
    (tmp_path / "test.yml").write_text("\n".join(older))
    done = promtool("test", "rules", "test.yml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_format_of_tests_is_shown_whole() -> None:
    """Each field, and each state of a node and of an alert."""
    _, tests, own = YAML.findall(PAGE)
    for name in (*FILE_FIELDS, *TEST_FIELDS):
        assert re.search(rf"\b{name}:", tests + own), name
    for word in (*(fate.value for fate in Fate), *filter(None, STATES)):
        assert word in own, word
