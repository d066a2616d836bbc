"""Check rule files and run their unit tests, with promtool's output: `fog check rules` and `fog test rules`."""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import compile_pattern
from fog_aggregator.rules import RuleFile, RuleFileError, load
from fog_aggregator.rules.model import rule_labels
from fog_aggregator.rules.unit_tests import UnitTestFile, read_unit_tests, run_unit_test
from fog_aggregator.rules.yaml_tree import MAX_BYTES
from fog_cli.commands import check, test
from fog_cli.errors import UsageError
from fog_cli.words.text import printable

_LINT_FAILED = 3
"""The exit code for what is fine but for the lint."""


def check_rules(settings: check.Settings) -> int:
    """Check rule files: promtool's exit code."""
    if not settings.files:
        raise UsageError("name the rule files: fog check rules FILE ...")
    failed = linted = False
    for file in settings.files:
        print("Checking", file)
        try:
            rules = _read(file, load)
        except RuleFileError as error:
            _print_failure(str(error))
            failed = True
        else:
            found = list(_duplicates(rules)) if settings.lint != "none" else []
            linted = linted or bool(found)
            if found:
                _print_failure("\n".join(found))
            else:
                print(f"  SUCCESS: {rules.rules} rules found")
            for warning in rules.warnings:
                print(f"  WARNING: {file}: {warning}", file=sys.stderr)
        print()
    return 1 if failed else _LINT_FAILED if linted and settings.lint_fatal else 0


def test_rules(settings: test.Settings) -> int:
    """Run files of unit tests: promtool's exit code."""
    if not settings.files:
        raise UsageError("name the files of tests: fog test rules FILE ...")
    chosen = _chosen(settings.run)
    failed = False
    for file in settings.files:
        print("Unit Testing: ", file)
        try:
            failures = _test_file(file, chosen)
        except RuleFileError as error:
            failures = [str(error)]
        if failures:
            print("  FAILED:", file=sys.stderr)
            for failure in failures:
                print(_printable(failure), file=sys.stderr)
                print()
        else:
            print("  SUCCESS")
        print()
        failed = failed or bool(failures)
    return 1 if failed else 0


def _chosen(pattern: str) -> Callable[[str], bool]:
    """Make the function that tells whether a test of a name is to run."""
    if not pattern:
        return lambda _: True
    try:
        compiled = compile_pattern(pattern)
    except QueryError as error:
        raise UsageError(f"--run: {error}") from None
    return lambda name: compiled.search(name) is not None


def _test_file(file: str, chosen: Callable[[str], bool]) -> list[str]:
    """Run the tests of one file: the failures."""
    tests = _read(file, read_unit_tests)
    names = list(_rule_files(Path(file).parent, tests))
    to_run = [test for test in tests.tests if chosen(test.name)]
    rules = [_read(name, load) for name in names] if to_run else []
    return [failure for test in to_run for failure in run_unit_test(tests, test, rules)]


def _rule_files(folder: Path, tests: UnitTestFile) -> Iterator[str]:
    """Find the files of rules, relative to the file of tests."""
    for pattern in tests.rule_files:
        path = str(folder / pattern)
        found = sorted(glob.glob(path))  # noqa: PTH207 - a pattern may be absolute
        if not found:
            print("  WARNING: no file match pattern", path, file=sys.stderr)
        yield from found


def _read(file: str, read: Callable[[bytes, str], Any]) -> Any:
    """Read a file.

    Raises:
        RuleFileError: when it cannot be read or used.
    """
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        return read(content, file)
    except OSError as error:
        raise RuleFileError.of(file, f"cannot be read: {error.strerror}") from None


def _duplicates(rules: RuleFile) -> Iterator[str]:
    """Tell of rules with the same name and labels, as promtool does."""
    counts = Counter((rule.name, rule_labels(rule)) for group in rules.groups for rule in group.rules)
    repeated = sorted(key for key, count in counts.items() if count > 1)
    if not repeated:
        return
    yield f"lint error {len(repeated)} duplicate rule(s) found."
    for name, labels in repeated:
        yield f"Metric: {name}"
        yield "Label(s):"
        yield from (f"\t{key}: {value}" for key, value in labels)
    yield "Might cause inconsistency while recording expressions"


def _print_failure(text: str) -> None:
    print("  FAILED:", file=sys.stderr)
    print(_printable(text), file=sys.stderr)


def _printable(text: str) -> str:
    """Keep what files say from steering the terminal."""
    return "\n".join(printable(line.replace("\t", "        ")) for line in text.split("\n"))
