"""Debian's promtool as the judge of rule files and their unit tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

BINARY: Final = shutil.which("promtool")
needs_promtool: Final = pytest.mark.skipif(
    BINARY is None, reason="promtool is not installed: it comes with Debian's prometheus"
)


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a folder."""
    assert BINARY is not None
    return subprocess.run(
        [BINARY, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False, errors="replace"
    )


def write_yaml(path: Path, document: Any) -> None:
    """Write a document; JSON is YAML."""
    path.write_text(json.dumps(document, indent=1))


def judge_texts(
    folder: Path, series: Mapping[str, str], cases: Sequence[tuple[str, Mapping[str, str], str, str]]
) -> str:
    """Let promtool render templates, each over one series: (expression, its labels, template, expected text).

    Returns:
        The words of promtool; empty when all texts are as expected.
    """
    names = [f"A{number}" for number in range(len(cases))]
    rules = [
        {"alert": name, "expr": expression, "annotations": {"text": template}}
        for name, (expression, _, template, _) in zip(names, cases, strict=True)
    ]
    write_yaml(folder / "rules.yml", {"groups": [{"name": "g", "rules": rules}]})
    expected = [
        {
            "eval_time": "0m",
            "alertname": name,
            "exp_alerts": [
                {"exp_labels": labels, "exp_annotations": {"text": text.replace("__alert_A", f"__alert_{name}")}}
            ],
        }
        for name, (_, labels, _, text) in zip(names, cases, strict=True)
    ]
    test = {
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": expected,
        "external_labels": {"site": "here"},
        "external_url": "http://fog.example/x",
    }
    write_yaml(folder / "test.yml", {"rule_files": ["rules.yml"], "tests": [test]})
    done = promtool("test", "rules", "test.yml", folder=folder)
    return "" if done.returncode == 0 else done.stdout + done.stderr
