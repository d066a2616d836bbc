"""promtool is the judge of unit tests: random rule files and series, and the same output, letter by letter.

The smaller of 0 and -0 depends on the order of series, which is nobody's promise: the sign of zero does not count. The
tests expect that no alert fires and that nothing is recorded, so that the output lists everything that there is.
FOG_RULES_CASES says how many files are tried (40), FOG_RULES_SEED where the seeds begin (1):

    FOG_RULES_CASES=1000 FOG_RULES_SEED=1000 python -m pytest tests/rules/test_differential.py
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from fog_aggregator.promql import Options
from fog_aggregator.rules import load
from fog_aggregator.rules.unit_tests import read_unit_tests, run_unit_test
from tests.rules.grammar import Grammar
from tests.rules.promtool import needs_promtool, promtool, write_yaml

CASES: Final = int(os.environ.get("FOG_RULES_CASES", "40"))
SEED: Final = int(os.environ.get("FOG_RULES_SEED", "1"))
CLOSED: Final = Options(closed=True)
"""Ranges as the judge has them, which is of version 2.42."""


def ours(rules: dict[str, Any], tests: dict[str, Any]) -> list[str]:
    """Run the tests here: a list of failures."""
    files = [load(json.dumps(rules).encode(), "rules.yml")]
    file = read_unit_tests(json.dumps(tests).encode(), "test.yml")
    failures = [failure for test in file.tests for failure in run_unit_test(file, test, files, CLOSED)]
    return [failure.replace(" -0E+00", " 0E+00") for failure in failures]


def theirs(rules: dict[str, Any], tests: dict[str, Any], folder: Path) -> list[str]:
    """Run the tests there."""
    write_yaml(folder / "rules.yml", rules)
    write_yaml(folder / "test.yml", tests)
    done = promtool("test", "rules", "test.yml", folder=folder)
    assert done.returncode == (1 if done.stderr else 0)
    return split(done.stderr.replace(" -0E+00", " 0E+00"))


def split(text: str) -> list[str]:
    """Cut an output into failures: each begins with four spaces and a word."""
    body = text.partition("  FAILED:\n")[2].rstrip("\n")
    return re.split(r"\n(?=    (?:name|expr|rule): )", body) if body else []


@needs_promtool
def test_random_rule_files_have_the_same_output(tmp_path: Path) -> None:
    """Alerts with labels and texts, their series, recorded series, errors of rules."""
    firing = errors = 0
    for seed in range(SEED, SEED + CASES):
        rules, tests = Grammar(seed).test()
        judged, found = theirs(rules, tests, tmp_path), ours(rules, tests)
        assert found == judged, f"seed {seed}: {json.dumps(rules)}"
        firing += sum("Labels:" in failure for failure in judged)
        errors += sum(failure.startswith("    rule: ") for failure in judged)
    assert firing > CASES, "tests in which nothing fires prove nothing"
    assert errors < CASES
