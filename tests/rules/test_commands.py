"""`fog check rules` and `fog test rules`, side by side with promtool."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from fog_aggregator.promql.language.scan import MAX_TEXT
from fog_cli.main import run
from tests.rules.promtool import needs_promtool, promtool

FILES: Final = Path(__file__).parent / "files"
ROOT: Final = FILES.parents[2]
SHIPPED: Final = [ROOT / "aggregator/fog_aggregator/rules/builtin.yml", ROOT / "deploy/fog_rules.yml"]
RULES: Final = [*sorted(FILES.glob("*.rules.yml")), *SHIPPED]
TESTS: Final = sorted(FILES.glob("*.test.yml"))

Output = tuple[int, str, str]


def fog(capsys: pytest.CaptureFixture[str], *arguments: str) -> Output:
    """Run a command: its exit code and its outputs."""
    code = run(arguments, {})
    done = capsys.readouterr()
    return code, done.out, done.err


def judge(folder: Path, *arguments: str) -> Output:
    """Run promtool."""
    done = promtool(*arguments, folder=folder)
    return done.returncode, done.stdout, done.stderr


def test_there_are_files() -> None:
    """Else nothing is compared."""
    assert len(RULES) >= 3
    assert len(TESTS) >= 2


@needs_promtool
@pytest.mark.parametrize("file", RULES, ids=[file.name for file in RULES])
def test_good_rule_files(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output is promtool's, letter by letter."""
    found = fog(capsys, "check", "rules", str(file))
    assert found == judge(FILES, "check", "rules", str(file))
    assert found[0] == 0
    assert re.search(r"SUCCESS: \d+ rules found", found[1])


@needs_promtool
@pytest.mark.parametrize("file", TESTS, ids=[file.name for file in TESTS])
def test_good_unit_tests(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Likewise: they pass in both."""
    found = fog(capsys, "test", "rules", str(file))
    assert found == judge(FILES, "test", "rules", str(file))
    assert found == (0, f"Unit Testing:  {file}\n  SUCCESS\n\n", "")


BAD: Final = {
    "expression": ("expr: 'sum('", "could not parse expression: ", True),
    "function": ("expr: nofunc(up)", "could not parse expression: ", True),
    "no expression": ("for: 1m", "field 'expr' must be set in rule", True),
    "unknown field": ("expr: up\n    foo: 1", "field foo not found in type rulefmt.RuleNode", False),
    "repeated field": ("expr: up\n    expr: up", 'mapping key "expr" already defined at line 5', False),
    "duration": ("expr: up\n    for: 5x", 'not a valid duration string: "5x"', False),
    "label name": ("expr: up\n    labels: {__name__: x}", "invalid label name: __name__", True),
    "annotation name": ("expr: up\n    annotations: {a-b: x}", "invalid annotation name: a-b", True),
    "record and alert": ("expr: up\n    record: x", "only one of 'record' and 'alert' must be set", True),
    "template": ("expr: up\n    annotations: {a: '{{ if }}'}", "template: __alert_A:1: missing value for if", True),
}
"""The lines after `alert: A`, words of the problem, and whether promtool names the rule."""


@needs_promtool
@pytest.mark.parametrize(("body", "words", "names_rule"), BAD.values(), ids=BAD)
def test_bad_rule_files(
    body: str, words: str, *, names_rule: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both say the same words, and ours say where always."""
    file = tmp_path / "r.yml"
    file.write_text(f"groups:\n- name: g\n  rules:\n  - alert: A\n    {body}\n")
    code, out, err = fog(capsys, "check", "rules", str(file))
    their_code, their_out, their_err = judge(tmp_path, "check", "rules", str(file))
    assert (code, out) == (their_code, their_out) == (1, f"Checking {file}\n\n")
    assert words in err
    assert words in their_err
    assert (f'group "g", rule 1, "A": {"annotation" if "template" in words else ""}' in their_err) == names_rule
    assert re.search(rf'{re.escape(str(file))}: [4-6]:\d+: group "g", rule 1, "A": ', err)


@needs_promtool
@pytest.mark.parametrize("arguments", [(), ("--lint-fatal",), ("--lint", "none")])
def test_duplicates_are_linted(arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning that looks like a failure, an error with --lint-fatal, nothing with --lint none."""
    file = tmp_path / "r.yml"
    rule = "{record: a, expr: up, labels: {x: y}}"
    file.write_text(f"groups: [{{name: g, rules: [{rule}, {rule}, {rule}]}}]\n")
    code, out, err = fog(capsys, "check", *arguments, "rules", str(file))
    theirs = judge(tmp_path, "check", "rules", *arguments, str(file))
    assert (code, out, err.replace(" " * 8, "\t")) == theirs


@needs_promtool
def test_a_missing_file_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With promtool's exit code; the other files are checked all the same."""
    good = tmp_path / "good.yml"
    good.write_text("groups: []\n")
    code, out, err = fog(capsys, "check", "rules", str(tmp_path / "gone.yml"), str(good))
    assert code == judge(tmp_path, "check", "rules", str(tmp_path / "gone.yml"), str(good))[0] == 1
    assert out.endswith("  SUCCESS: 0 rules found\n\n")
    assert "gone.yml: cannot be read: No such file or directory" in err


UNIT: Final = """\
rule_files: [{rules}]
tests:
- name: first
  interval: 1m
  input_series: [{{series: up, values: 0x5}}]
  alert_rule_test: [{{eval_time: 2m, alertname: Down}}]
- name: second
  interval: 1m
  input_series: [{{series: up, values: 1x5}}]
  alert_rule_test: [{{eval_time: 2m, alertname: Down, exp_alerts: [{{exp_labels: {{a: b}}}}]}}]
  promql_expr_test:
  - {{expr: up, eval_time: 1m, exp_samples: [{{labels: up, value: 2}}, {{labels: 'up{{a="b"}}', value: 1e3}}]}}
  - {{expr: 'up[5m]', eval_time: 1m}}
"""


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """Write tests that fail."""
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]\n")
    file = tmp_path / "t.yml"
    file.write_text(UNIT.format(rules="r.yml"))
    return file


@needs_promtool
def test_failures_are_said_alike(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Letter by letter: alerts, samples, errors of expressions."""
    found = fog(capsys, "test", "rules", str(failing))
    assert found == judge(failing.parent, "test", "rules", str(failing))
    assert found[0] == 1
    assert found[2].count("\n    name: ") == 2


def test_only_some_tests_are_run(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Others are skipped."""
    code, _, err = fog(capsys, "test", "rules", "--run", "^fi", str(failing))
    assert (code, err.count("\n    name: ")) == (1, 1)
    assert fog(capsys, "test", "rules", "--run", "third", str(failing))[0] == 0
    assert fog(capsys, "test", "rules", "--run", "(", str(failing))[0] == 2


@needs_promtool
def test_rules_that_fail_or_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of a rule ends the test; a pattern without files is warned of."""
    rules = "[{record: a, expr: 'x * on () y', labels: {b: c}}]"
    (tmp_path / "r.yml").write_text(f"groups: [{{name: g, rules: {rules}}}]\n")
    file = tmp_path / "t.yml"
    series = ["{series: 'x{i=\"1\"}', values: 1x5}", "{series: 'x{i=\"2\"}', values: 1x5}", "{series: y, values: 1x5}"]
    test = f"{{interval: 1m, input_series: [{', '.join(series)}], alert_rule_test: [{{eval_time: 1m, alertname: A}}]}}"
    file.write_text(f"rule_files: [r.yml]\ntests: [{test}]\n")
    code, out, err = fog(capsys, "test", "rules", str(file))
    their_code, their_out, their_err = judge(tmp_path, "test", "rules", str(file))
    assert (code, out) == (their_code, their_out)
    assert [text.splitlines()[1].partition("err: ")[0] for text in (err, their_err)] == ["    rule: a, time: 0s, "] * 2
    file.write_text("rule_files: [gone*.yml]\ntests: []\n")
    found = fog(capsys, "test", "rules", str(file))
    assert found == judge(tmp_path, "test", "rules", str(file))
    assert found[2] == f"  WARNING: no file match pattern {tmp_path}/gone*.yml\n"


@needs_promtool
def test_two_values_for_one_time_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that writes a series of the test; the same value twice is none."""
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{record: x, expr: y}]}]\n")
    for value, code in (("2x5", 1), ("1x5", 0)):
        series = f"[{{series: x, values: {value}}}, {{series: y, values: 1x5}}]"
        file = tmp_path / "t.yml"
        test = f"{{interval: 1m, input_series: {series}, promql_expr_test: [{{expr: z, eval_time: 1m}}]}}"
        file.write_text(f"rule_files: [r.yml]\ntests: [{test}]\n")
        found = fog(capsys, "test", "rules", str(file))
        assert found == judge(tmp_path, "test", "rules", str(file))
        assert (found[0], "err: duplicate sample for timestamp" in found[2]) == (code, bool(code))


@needs_promtool
@pytest.mark.parametrize(
    "text",
    [
        "rule_files: [r.yml]\nfoo: 1\n",
        "tests: [{interval: 5x}]\n",
        "tests: [{interval: 1m, alert_rule_test: [{eval_time: 1m}]}]\n",
        "tests: [{interval: 1m, input_series: [{series: 'up{', values: '1'}]}]\n",
        "tests: [{interval: 1m, input_series: [{series: up, values: '1 a'}]}]\n",
        "group_eval_order: [a, a]\n",
        "tests: [{interval: 1m, promql_expr_test: [{expr: up, eval_time: 0m, exp_samples: [{value: x}]}]}]\n",
        "rule_files: [bad.yml]\ntests: [{interval: 1m}]\n",
        "a: [\n",
    ],
)
def test_bad_files_of_tests(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both refuse them."""
    (tmp_path / "bad.yml").write_text("groups: 1\n")
    file = tmp_path / "t.yml"
    file.write_text(text)
    code, _, err = fog(capsys, "test", "rules", str(file))
    assert (code, judge(tmp_path, "test", "rules", str(file))[0]) == (1, 1)
    assert re.search(r"  FAILED:\n.*(t|bad)\.yml: \d+:\d+: ", err)


def test_a_file_without_an_end_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """No more is read than may be."""
    code, _, err = fog(capsys, "check", "rules", "/dev/zero")
    assert (code, "/dev/zero: the file has more than 1048576 bytes" in err) == (1, True)


def test_hostile_tests_end_in_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Samples and evaluations are bounded before they are made."""
    file = tmp_path / "t.yml"
    series = "[{series: up, values: 0x999999999}]"
    file.write_text(f"tests: [{{interval: 1m, input_series: {series}}}]\n")
    code, _, err = fog(capsys, "test", "rules", str(file))
    assert (code, "a series of a test may have 1000000 samples" in err) == (1, True)
    file.write_text("evaluation_interval: 1ms\ntests: [{promql_expr_test: [{expr: up, eval_time: 99y}]}]\n")
    code, _, err = fog(capsys, "test", "rules", str(file))
    assert (code, "evaluations are too many: a test may have 100000" in err) == (1, True)
    file.write_text(f"tests: [{{promql_expr_test: [{{expr: '{'1+' * MAX_TEXT}1', eval_time: 1m}}]}}]\n")
    assert fog(capsys, "test", "rules", str(file))[0] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "rules"), "fog check: name the rule files: fog check rules FILE ..."),
        (("check", "a.toml", "b.toml"), "fog check: b.toml is one too many"),
        (("test", "rules"), "fog test: name the files of tests: fog test rules FILE ..."),
        (("test", "metrics"), "fog test: argument rules: invalid choice: 'metrics'"),
    ],
)
def test_misuse_is_one_line(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2."""
    code, out, err = fog(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(said)


def test_what_files_say_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of a file are escaped."""
    file = tmp_path / "r.yml"
    file.write_text('groups: [{name: "g\\e[31m", rules: [{alert: "a\\u202e", expr: "("}]}]\n')
    code, _, err = fog(capsys, "check", "rules", str(file))
    assert code == 1
    assert "\x1b" not in err
    assert "\u202e" not in err


def test_a_light_install_says_what_to_install(tmp_path: Path) -> None:
    """Without the extra of the aggregator there is no reader of YAML."""
    (tmp_path / "r.yml").write_text("groups: []\n")
    blocked = "import sys; sys.modules['yaml'] = None; from fog_cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "check", "rules", "r.yml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "fog check: yaml is missing: pip install 'utilityfog-telemetry[aggregator]'\n"
