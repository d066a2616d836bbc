"""The three words of ours in unit tests: `coverage`, `restart_at` and `exp_state`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from fog_aggregator.rules import RuleFileError
from fog_aggregator.rules.unit_tests import read_unit_tests, run_unit_test
from fog_aggregator.rules.unit_tests.notation import read_states, read_values
from fog_aggregator.rules.verdicts.coverage import Fate
from tests.rules.promtool import needs_promtool, promtool
from tests.rules.storing import load_text

RULES: Final = """\
groups:
- name: g
  rules:
  - alert: Busy
    expr: sum(jobs) > 5
    for: 2m
    annotations: {summary: '{{ $value }} jobs'}
"""
TESTS: Final = """\
rule_files: [rules.yml]
tests:
- interval: 1m
  coverage:
  - {{path: fog/0/1, states: livex20}}
  - {{path: fog/0/2, states: {states}}}
  restart_at: {restarts}
  input_series: [{{series: jobs, values: {values}}}]
  alert_rule_test: [{expected}]
"""
BUSY: Final = "{exp_annotations: {summary: 6 jobs}, exp_state: STATE}"


def failures(states: str, values: str, restarts: str = "[]", **expected: str) -> list[str]:
    """Run a test; at each minute, given as `m4`, the alert is `firing`, `held` or `none`."""
    tests = []
    for minute, state in expected.items():
        alerts = "" if state == "none" else BUSY.replace("STATE", state)
        tests.append(f"{{eval_time: {minute[1:]}m, alertname: Busy, exp_alerts: [{alerts}]}}")
    text = TESTS.format(states=states, values=values, restarts=restarts, expected=", ".join(tests))
    file = read_unit_tests(text.encode(), "test.yml")
    return [failure for test in file.tests for failure in run_unit_test(file, test, [load_text(RULES)])]


def test_an_alert_is_held_while_a_node_behind_it_is_silent() -> None:
    """The sum falls because a node is silent; when the node speaks again, the alert may resolve."""
    assert failures("livex4 silentx3 livex9", "6x4 3x20", m2="firing", m5="held", m8="held", m9="none") == []
    assert failures("livex20", "6x4 3x20", m4="firing", m5="none") == []


def test_a_node_that_ended_is_no_loss() -> None:
    """The alert resolves."""
    assert failures("livex4 ended", "6x4 3x20", m4="firing", m5="none") == []
    assert failures("livex4 gone", "6x4 3x20", m4="firing", m5="none") == []


def test_a_restart_neither_resolves_nor_fires_again() -> None:
    """An alert that fires goes on; time away does not count for a pending one."""
    assert failures("livex20", "6x20", "[5m]", m4="firing", m5="firing") == []
    assert failures("livex20", "6x20", "[1m]", m2="none", m3="firing") == []
    assert failures("livex20", "6x20", "[]", m2="firing") == []


def test_another_state_is_a_failure_that_says_both() -> None:
    """The states stand under labels and annotations."""
    (failure,) = failures("livex4 silentx9", "6x4 3x20", m6="firing")
    assert "State:firing" in failure.partition("got:")[0]
    assert "State:held" in failure.partition("got:")[2]


def test_states_are_written_like_values() -> None:
    """A word with a number stands for so many more, a gap for that many."""
    assert read_states("_x2 live silentx1 ended gone") == (
        None, None, Fate.LIVE, Fate.SILENT, Fate.SILENT, Fate.ENDED, Fate.GONE,
    )  # fmt: skip
    assert len(read_states("_ livex2")) == len(read_values("_ 1x2")) == 4


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("coverage: [{path: fog/0, states: alive}]", "1:10: 'alive' is no state of a node: write _, live, silent"),
        ("coverage: [{path: 'fog/ /', states: live}]", "1:10: "),
        ("coverage: [{path: fog, states: livex99999999}]", "1:10: a node of a test may have 1000000 states"),
        ("restart_at: [5]", '1:10: not a valid duration string: "5"'),
        ("alert_rule_test: [{alertname: A, exp_alerts: [{exp_state: x}]}]", "'x' is no state: write firing or held"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(field: str, said: str) -> None:
    """With its place."""
    with pytest.raises(RuleFileError) as caught:
        read_unit_tests(f"tests: [{{{field}}}]\n".encode(), "test.yml")
    assert said.removeprefix("1:10: ") in str(caught.value)
    assert str(caught.value).startswith("test.yml: 1:")


@needs_promtool
def test_promtool_knows_these_words_not(tmp_path: Path) -> None:
    """A file with them is for us alone, as docs/rules.md says."""
    (tmp_path / "test.yml").write_text("tests: [{interval: 1m, restart_at: [5m]}]\n")
    done = promtool("test", "rules", "test.yml", folder=tmp_path)
    assert (done.returncode, "field restart_at not found in type main.testGroup" in done.stderr) == (1, True)


NEWER: Final = """\
evaluation_interval: 1m
fuzzy_compare: FUZZY
tests:
- interval: 1m
  start_timestamp: START
  input_series: [{series: x, values: '0.1+0x5'}]
  promql_expr_test:
  - {expr: x * 3, eval_time: 2m, exp_samples: [{labels: '{}', value: 0.3}]}
  - {expr: timestamp(x), eval_time: 2m, exp_samples: [{labels: '{}', value: SECONDS}]}
"""


@pytest.mark.parametrize(
    ("start", "seconds", "fuzzy", "failing"),
    [
        ("0", "120", "true", 0), ("0", "120", "false", 1), ("1700000000", "1700000120", "true", 0),
        ("1700000000.5", "1700000120.5", "true", 0), ("2023-11-14T22:13:20Z", "1700000120", "true", 0),
        ("5", "120", "true", 1),
    ],
)  # fmt: skip
def test_fields_that_are_newer_than_the_judge(start: str, seconds: str, fuzzy: str, failing: int) -> None:
    """A test may begin at any time, and its values may be compared up to the last bit."""
    text = NEWER.replace("START", start).replace("SECONDS", seconds).replace("FUZZY", fuzzy)
    file = read_unit_tests(text.encode(), "test.yml")
    assert [len(run_unit_test(file, test, [])) for test in file.tests] == [failing]
