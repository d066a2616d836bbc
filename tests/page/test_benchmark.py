"""The page with a large fleet in headless Chromium: that each figure is measured, with some nodes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.page.browser import needs_browser

ROOT = Path(__file__).parents[2]
HELD = (
    "requests to open",
    "columns kB gzip",
    "DOM elements",
    "a row far down found",
    "heap after an hour MB",
    "DOM elements after an hour",
)
"""Figures that do not depend on the machine."""


@needs_browser
def test_a_fleet_of_the_load_generator() -> None:
    """Opened, searched, and its last rows found; what counts no time is within its budget, and nothing is an error."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.browser",
        "--nodes",
        "600",
        "--interval",
        "2s",
        "--minutes",
        "1",
        "--openings",
        "1",
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=220, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == 0
    assert {name: told["figures"][name] for name in HELD if told["figures"][name] > told["budgets"][name]} == {}
    assert told["figures"]["a row far down found"] == 1
    assert all(value >= 0 for value in told["figures"].values())
